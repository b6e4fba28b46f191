import { expect, it } from 'vitest';
import { compareAnswers } from '../compare/compare-answers.ts';
import type { Comparison } from '../compare/comparison.ts';
import { compileRules } from '../compare/rules.ts';
import { createNoise, type Noise } from './noise.ts';

const declared = compileRules([]);
const json = (value: unknown) => ({
  status: 200,
  rawHeaders: ['Content-Type', 'application/json'],
  body: Buffer.from(JSON.stringify(value)),
  truncated: false,
});

/** Both sides' answers, judged as the shadow does it. */
function judge(noise: Noise, control: unknown, candidate: unknown): Comparison {
  const comparison = compareAnswers(json(control), json(candidate), noise.rules(declared));
  noise.saw(comparison);
  return comparison;
}

function learn(noise: Noise, one: unknown, other: unknown): void {
  noise.learn(compareAnswers(json(one), json(other), declared));
}

it('takes a field for noise in which the control always disagrees with itself, wherever in a list it stands', () => {
  const noise = createNoise(1);
  for (let time = 0; time < 10; time++) learn(noise, { items: [{ took: 1 }] }, { items: [{ took: 2 }] });
  const many = (took: number) => ({ items: Array.from({ length: 80 }, (_, id) => ({ id, took: took + id })) });
  const judged = judge(noise, many(1), many(1000));
  expect(judged).toMatchObject({ outcome: 'ignored', differenceCount: 0, ignoredCount: 80 });
  expect(judged.ignored[0]?.reason).toBe(
    'noise: the control disagrees with itself here in 100 % of 10, both sides in 0 % of 0',
  );
});

it('finds an order that is wrong in spite of noise in each item', () => {
  const noise = createNoise(1);
  const list = (took: number, ...ids: number[]) => ids.map((id) => ({ id, took }));
  for (let time = 0; time < 10; time++) learn(noise, list(1, 1, 2, 3), list(2, 1, 2, 3));
  expect(judge(noise, list(1, 1, 2, 3), list(2, 3, 1, 2)).differences).toMatchObject([{ path: '', kind: 'order' }]);
});

it('leaves what is not noise a mismatch', () => {
  const noise = createNoise(1);
  for (let time = 0; time < 10; time++) learn(noise, { took: 1 }, { took: 2 });
  const judged = judge(noise, { took: 1, price: 1 }, { took: 2, price: 2 });
  expect(judged.differences.map(({ path }) => path)).toEqual(['/price']);
});

it('finds a wrong price although prices change now and then: the sides differ far more often than the control', () => {
  const noise = createNoise(1);
  for (let time = 0; time < 100; time++) learn(noise, { price: 1 }, { price: time % 25 === 0 ? 2 : 1 });
  const outcomes = Array.from({ length: 100 }, () => judge(noise, { price: 1 }, { price: 9 }).outcome);
  expect(outcomes.slice(5)).toEqual(Array(95).fill('mismatch'));
  expect(noise.places()).toMatchObject([
    { place: 'body /price value', control: { differed: 4, sample: 100 }, sides: { differed: 100 }, isNoise: false },
  ]);
});

it('forgets noise that has ended', () => {
  const noise = createNoise(1);
  for (let time = 0; time < 10; time++) learn(noise, { took: 1 }, { took: 2 });
  for (let time = 0; time < 200; time++) learn(noise, { took: 1 }, { took: 1 });
  expect(judge(noise, { took: 1 }, { took: 2 }).outcome).toBe('mismatch');
  expect(noise.places()).toEqual([]);
});

it('does not call two chance changes noise, and knows nothing before it has asked', () => {
  const noise = createNoise(1);
  expect(judge(noise, { took: 1 }, { took: 2 }).outcome).toBe('mismatch');
  learn(noise, { took: 1 }, { took: 2 });
  learn(noise, { took: 1 }, { took: 2 });
  expect(judge(noise, { took: 1 }, { took: 2 }).outcome).toBe('mismatch');
});

it('never excuses a status, and does excuse a header', () => {
  const noise = createNoise(1);
  const answer = (status: number, nonce: string) => ({ ...json(1), status, rawHeaders: ['X-Nonce', nonce] });
  for (let time = 0; time < 10; time++) {
    noise.learn(compareAnswers(answer(200, 'a'), answer(503, 'b'), declared));
  }
  const judged = compareAnswers(answer(200, 'c'), answer(503, 'd'), noise.rules(declared));
  expect(judged.differences).toMatchObject([{ part: 'status' }]);
  expect(judged.ignored).toMatchObject([{ part: 'header', path: 'x-nonce' }]);
});

it('asks twice for the first requests of a route, then for a share; and never where the share is nothing', () => {
  const noise = createNoise(0.05);
  for (let time = 0; time < 20; time++) {
    expect(noise.wantsSecondAsk(0.99)).toBe(true);
    learn(noise, 1, 1);
  }
  expect([noise.wantsSecondAsk(0.04), noise.wantsSecondAsk(0.06)]).toEqual([true, false]);
  expect(createNoise(0).wantsSecondAsk(0)).toBe(false);
});
