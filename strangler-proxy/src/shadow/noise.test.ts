import { expect, it } from 'vitest';
import type { Comparison, Difference } from '../compare/comparison.ts';
import { createNoise } from './noise.ts';

function differing(...paths: readonly string[]): Comparison {
  const differences = paths.map(
    (path): Difference => ({ part: 'body', path, kind: 'value', control: '1', candidate: '2' }),
  );
  const outcome = paths.length > 0 ? 'mismatch' : 'match';
  return { outcome, differences, differenceCount: paths.length, ignored: [], ignoredCount: 0 };
}

it('takes a field for noise in which the control always disagrees with itself, wherever in a list it stands', () => {
  const noise = createNoise(1);
  for (let item = 0; item < 10; item++) noise.learn(differing(`/items/${item}/took`));
  const judged = noise.judge(differing('/items/77/took'));
  expect(judged).toMatchObject({ outcome: 'ignored', differenceCount: 0, ignoredCount: 1 });
  expect(judged.ignored[0]?.reason).toBe(
    'noise: the control disagrees with itself here in 100 % of 10, both sides in 100 % of 1',
  );
});

it('leaves what is not noise a mismatch', () => {
  const noise = createNoise(1);
  for (let time = 0; time < 10; time++) noise.learn(differing('/took'));
  const judged = noise.judge(differing('/took', '/price'));
  expect(judged.outcome).toBe('mismatch');
  expect(judged.differences.map(({ path }) => path)).toEqual(['/price']);
});

it('finds a wrong price although prices change now and then: the sides differ far more often than the control', () => {
  const noise = createNoise(1);
  for (let time = 0; time < 100; time++) noise.learn(time % 25 === 0 ? differing('/price') : differing());
  const outcomes = Array.from({ length: 100 }, () => noise.judge(differing('/price')).outcome);
  expect(outcomes.slice(5)).toEqual(Array(95).fill('mismatch'));
  expect(noise.places()).toMatchObject([
    { place: 'body /price value', control: { differed: 4, sample: 100 }, sides: { differed: 100 }, isNoise: false },
  ]);
});

it('forgets noise that has ended', () => {
  const noise = createNoise(1);
  for (let time = 0; time < 10; time++) noise.learn(differing('/took'));
  for (let time = 0; time < 200; time++) noise.learn(differing());
  expect(noise.judge(differing('/took')).outcome).toBe('mismatch');
  expect(noise.places()).toEqual([]);
});

it('does not call two chance changes noise, and knows nothing before it has asked', () => {
  const noise = createNoise(1);
  expect(noise.judge(differing('/took')).outcome).toBe('mismatch');
  noise.learn(differing('/took'));
  noise.learn(differing('/took'));
  expect(noise.judge(differing('/took')).outcome).toBe('mismatch');
});

it('asks twice for the first requests of a route, then for a share; and never where the share is nothing', () => {
  const noise = createNoise(0.05);
  for (let time = 0; time < 20; time++) {
    expect(noise.wantsSecondAsk(0.99)).toBe(true);
    noise.learn(differing());
  }
  expect([noise.wantsSecondAsk(0.04), noise.wantsSecondAsk(0.06)]).toEqual([true, false]);
  expect(createNoise(0).wantsSecondAsk(0)).toBe(false);
});

it('judges nothing where there are more differences than are kept', () => {
  const noise = createNoise(1);
  for (let time = 0; time < 10; time++) noise.learn(differing('/took'));
  expect(noise.judge({ ...differing('/took'), differenceCount: 51 }).outcome).toBe('mismatch');
});
