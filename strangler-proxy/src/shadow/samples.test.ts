import { expect, it } from 'vitest';
import type { Comparison } from '../compare/comparison.ts';
import { defaultRedaction } from '../compare/redact.ts';
import { compileRules } from '../compare/rules.ts';
import { createSamples, defaultSampleLimits, type Offer } from './samples.ts';

const rules = compileRules([]);

function offer(path: string, target = '/'): Offer {
  const comparison: Comparison = {
    outcome: 'mismatch',
    differences: [{ part: 'body', path, kind: 'value', control: '1', candidate: '2' }],
    differenceCount: 1,
    ignored: [],
    ignoredCount: 0,
  };
  const side = (upstream: string) => ({ upstream, answer: undefined, milliseconds: 1.25 });
  return { method: 'GET', target, headers: [], control: side('monolith'), candidate: side('catalog'), comparison };
}

it('keeps the newest few of a group, and counts all', () => {
  const samples = createSamples({ ...defaultSampleLimits, intervalMs: 0 }, defaultRedaction, () => 1_000_000);
  for (const page of [1, 2, 3, 4, 5]) {
    samples.offer('catalog.list', offer(`/products/${page}/price`, `/?page=${page}`), rules);
  }
  const [group] = samples.groups('catalog.list');
  expect(group).toMatchObject({ count: 5, places: ['body /products/*/price value'] });
  expect(group?.samples.map(({ target }) => target)).toEqual(['/?page=5', '/?page=4', '/?page=3']);
});

it('lays out at most one sample of a group per interval', () => {
  let now = 1_000_000;
  const samples = createSamples({ ...defaultSampleLimits, intervalMs: 1_000 }, defaultRedaction, () => now);
  samples.offer('a', offer('/x', '/1'), rules);
  now += 999;
  samples.offer('a', offer('/x', '/2'), rules);
  now += 1;
  samples.offer('a', offer('/x', '/3'), rules);
  expect(samples.groups('a')[0]).toMatchObject({ count: 3, samples: [{ target: '/3' }, { target: '/1' }] });
});

it('forgets the group that was not seen for longest, and samples that are too old', () => {
  let now = 1_000_000;
  const samples = createSamples(
    { ...defaultSampleLimits, groups: 2, keepMs: 10_000, intervalMs: 0 },
    defaultRedaction,
    () => now,
  );
  const places = () => samples.groups('a').map((group) => group.places[0]);
  for (const path of ['/x', '/y', '/x', '/z']) {
    samples.offer('a', offer(path), rules);
    now += 1;
  }
  expect(places()).toEqual(['body /z value', 'body /x value']);
  now += 10_000;
  expect(places()).toEqual([]);
});

it('bounds the samples of all routes together', () => {
  const samples = createSamples({ ...defaultSampleLimits, total: 3, intervalMs: 0 }, defaultRedaction, () => 1_000_000);
  const routes = ['a', 'b', 'c', 'd', 'e'];
  for (const route of routes) {
    samples.offer(route, offer('/x'), rules);
  }
  expect(routes.flatMap((route) => samples.groups(route))).toHaveLength(3);
});
