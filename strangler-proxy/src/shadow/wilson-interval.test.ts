import { expect, test } from 'vitest';
import { wilsonInterval } from './wilson-interval.ts';

test('nothing is known of an empty sample', () => {
  expect(wilsonInterval(0, 0)).toBeNull();
});

// R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
test.for([
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
])('%i of %i lie between %d and %d', ([hits, sample, low, high]) => {
  const interval = wilsonInterval(hits!, sample!);
  expect(interval?.low).toBeCloseTo(low!, 4);
  expect(interval?.high).toBeCloseTo(high!, 4);
});

test('ten matches of ten prove less than three quarters, and a thousand of a thousand prove 99.6 %', () => {
  expect(wilsonInterval(10, 10)?.low).toBeCloseTo(0.7225, 4);
  expect(wilsonInterval(1000, 1000)).toEqual({ low: expect.closeTo(0.9962, 4), high: 1 });
});
