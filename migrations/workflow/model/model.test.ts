import { expect, test } from 'vitest';
import { explore } from './explore.ts';
import { PROTOCOL } from './guard.ts';
import { DEEP_MUTATIONS, MUTATIONS, SCENARIOS, without } from './scenarios.ts';

test.each(SCENARIOS)('no state is wrong or stuck: $title', ({ bounds }) => {
  const { violation, states } = explore(bounds);
  expect(violation).toBeNull();
  expect(states).toBeGreaterThan(5_000);
});

test.each(MUTATIONS)('the model finds $title', ({ without: rules, bounds, found }) => {
  const { violation } = explore(bounds, without(rules));
  expect(violation?.what).toMatch(found);
  expect(violation?.trace.length).toBeGreaterThan(3);
});

test('each rule is taken out by some mutation', () => {
  const taken = new Set([...MUTATIONS, ...DEEP_MUTATIONS].flatMap((mutation) => mutation.without));
  expect([...taken].toSorted()).toEqual(Object.keys(PROTOCOL).toSorted());
});
