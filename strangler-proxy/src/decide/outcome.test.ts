import { createRequire } from 'node:module';
import fc from 'fast-check';
import type { Unleash } from 'unleash-client';
import { expect, test } from 'vitest';
import { makeSticky, memberOf, outcomeOf, shareOf } from './outcome.ts';

// The evaluating half of the client, without the polling one.
const require = createRequire(import.meta.url);
const { default: Client } = require('unleash-client/lib/client');
const { defaultStrategies } = require('unleash-client/lib/strategy');

type Definition = NonNullable<ReturnType<Unleash['getFeatureToggleDefinition']>>;

const constraint = fc.record({
  contextName: fc.constantFrom('userId', 'sessionId', 'appName'),
  operator: fc.constantFrom('IN', 'NOT_IN'),
  values: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
  inverted: fc.boolean(),
});
const strategy = fc.record({
  name: fc.constantFrom('default', 'flexibleRollout', 'userWithId', 'somebodysOwn'),
  parameters: fc.record({
    rollout: fc.constantFrom('0', '1', '50', '99', '100', 'x', ''),
    stickiness: fc.constantFrom('default', 'sessionId', 'userId', 'random'),
    groupId: fc.constant('catalog'),
    userIds: fc.constantFrom('a', ''),
  }),
  constraints: fc.array(constraint, { maxLength: 1 }),
  segments: fc.constantFrom([], [1]),
});
const definition = fc.record({
  name: fc.constant('flag'),
  enabled: fc.boolean(),
  strategies: fc.array(strategy, { maxLength: 3 }),
  dependencies: fc.constantFrom([], [{ feature: 'other' }]),
}) as unknown as fc.Arbitrary<Definition>;

function evaluate(flag: Definition, sessionId: string): boolean {
  const repository = { getToggle: (name: string) => (name === 'flag' ? flag : undefined), getSegment: () => undefined };
  return new Client(repository, defaultStrategies).isEnabled('flag', { sessionId }, () => false);
}

test('an outcome never disagrees with what the client says to anybody', () => {
  fc.assert(
    fc.property(
      definition,
      fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 10 }),
      (flag, visitors) => {
        makeSticky(flag);
        const outcome = outcomeOf(flag);
        if (outcome === 'ask') return;
        for (const visitor of visitors) expect(evaluate(flag, visitor)).toBe(outcome === 'always');
      },
    ),
    { numRuns: 2_000 },
  );
});

test('whoever is in a share is in it for the client too', () => {
  const shares = fc.record({
    name: fc.constant('flag'),
    enabled: fc.constant(true),
    strategies: fc.array(strategy, { minLength: 1, maxLength: 2 }),
  }) as unknown as fc.Arbitrary<Definition>;
  let worked = 0;
  fc.assert(
    fc.property(shares, fc.array(fc.uuid(), { minLength: 1, maxLength: 10 }), (flag, visitors) => {
      makeSticky(flag);
      const isMember = memberOf(flag);
      if (isMember === undefined) return;
      worked++;
      for (const visitor of visitors) expect(isMember(visitor)).toBe(evaluate(flag, visitor));
    }),
    { numRuns: 3_000 },
  );
  expect(worked).toBeGreaterThan(20);
});

const rollout = (share: string, stickiness = 'default') =>
  ({
    name: 'flag',
    enabled: true,
    strategies: [{ name: 'flexibleRollout', parameters: { rollout: share, stickiness }, constraints: [] }],
  }) as unknown as Definition;

test('flags that say one thing to everyone are never asked', () => {
  expect(outcomeOf(undefined)).toBe('never');
  expect(outcomeOf({ ...rollout('100'), enabled: false })).toBe('never');
  expect(outcomeOf(rollout('0'))).toBe('never');
  expect(outcomeOf(rollout('100'))).toBe('always');
  expect(outcomeOf(rollout('20'))).toBe('ask');
  expect(outcomeOf(rollout('100', 'userId'))).toBe('ask');
});

test('a share is told where it can be', () => {
  expect([shareOf(rollout('0')), shareOf(rollout('20')), shareOf(rollout('100'))]).toEqual([0, 0.2, 1]);
  const [only] = rollout('20').strategies ?? [];
  expect(shareOf({ ...rollout('20'), strategies: [only, only] as never })).toBeNull();
});

test('a roll per request is made a share of visitors', () => {
  const flag = rollout('50', 'random');
  makeSticky(flag);
  const first = evaluate(flag, 'visitor');
  for (let again = 0; again < 50; again++) expect(evaluate(flag, 'visitor')).toBe(first);
});
