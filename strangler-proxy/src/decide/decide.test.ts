import fc from 'fast-check';
import { defineMigration, read, write } from 'strangler-migrations/define';
import { expect, test } from 'vitest';
import { declaredRoutes } from '../match/route-table.ts';
import { type Ask, decide, dependsOnVisitor, type RouteFlags } from './decide.ts';

const migration = defineMigration({
  capability: 'catalog',
  service: 'catalog-v2',
  routes: { item: read('GET /items/:id'), create: write('POST /items') },
  tables: [],
});
const [item, create] = declaredRoutes([migration]) as [never, never];
const off: RouteFlags = { serve: 'never', shadow: 'never', killSwitch: false };
const says = (serve: boolean, shadow = false): Ask => ({ serve: () => serve, shadow: () => shadow });
const unasked: Ask = {
  serve: () => expect.unreachable('nobody has to be asked'),
  shadow: () => expect.unreachable('nobody has to be asked'),
};

test('a pinned read goes to the side of the pin, whatever any flag says: no copy, no fallback, nobody asked', () => {
  const flags = { serve: 'ask', shadow: 'always', killSwitch: false } as const;
  const alone = { why: 'pin', shadow: undefined, fallback: undefined };
  expect(decide(item, 'monolith', flags, unasked, 'monolith')).toMatchObject({ upstream: 'monolith', ...alone });
  expect(decide(item, 'monolith', { ...off, killSwitch: true }, unasked, 'service')).toMatchObject({
    upstream: 'catalog-v2',
    ...alone,
  });
});

test('a read whose flag is off goes to the owner', () => {
  expect(decide(item, 'monolith', off, unasked)).toMatchObject({
    upstream: 'monolith',
    why: 'off',
    fallback: undefined,
  });
  expect(decide(item, 'service', off, unasked)).toMatchObject({
    upstream: 'catalog-v2',
    why: 'off',
    fallback: undefined,
  });
});

test('a read whose flag is on goes to the service, and falls back to an owner that is another', () => {
  const on: RouteFlags = { ...off, serve: 'always' };
  expect(decide(item, 'monolith', on, unasked)).toMatchObject({
    upstream: 'catalog-v2',
    why: 'live',
    fallback: 'monolith',
  });
  expect(decide(item, 'service', on, unasked)).toMatchObject({
    upstream: 'catalog-v2',
    why: 'live',
    fallback: undefined,
  });
});

test('a share asks, and says on which side of it the visitor is', () => {
  const share: RouteFlags = { ...off, serve: 'ask' };
  expect(decide(item, 'monolith', share, says(true))).toMatchObject({
    side: 'service',
    why: 'canary',
    fallback: 'monolith',
  });
  expect(decide(item, 'monolith', share, says(false))).toMatchObject({
    side: 'monolith',
    why: 'control',
    fallback: undefined,
  });
});

test('a shadow goes to the side that does not serve, whatever the serve flag says', () => {
  const shadowed: RouteFlags = { ...off, shadow: 'always' };
  expect(decide(item, 'monolith', shadowed, unasked).shadow).toBe('catalog-v2');
  expect(decide(item, 'monolith', { ...shadowed, serve: 'always' }, unasked).shadow).toBe('monolith');
  expect(decide(item, 'monolith', { ...off, shadow: 'ask' }, says(false, false)).shadow).toBeUndefined();
});

const anyFlags = fc.record({
  serve: fc.constantFrom('never', 'always', 'ask'),
  shadow: fc.constantFrom('never', 'always', 'ask'),
  killSwitch: fc.boolean(),
}) as fc.Arbitrary<RouteFlags>;
const anyOwner = fc.constantFrom('monolith' as const, 'service' as const);

test('a write goes to the owner, alone, whatever any flag says', () => {
  fc.assert(
    fc.property(anyOwner, anyFlags, (owner, flags) => {
      expect(decide(create, owner, flags, unasked)).toEqual({
        upstream: owner === 'monolith' ? 'monolith' : 'catalog-v2',
        side: owner,
        why: 'write',
        shadow: undefined,
        fallback: undefined,
      });
    }),
  );
});

test('the kill switch sends every read to the owner, alone, whatever any other flag says', () => {
  fc.assert(
    fc.property(anyOwner, anyFlags, (owner, flags) => {
      const decision = decide(item, owner, { ...flags, killSwitch: true }, unasked);
      expect(decision).toMatchObject({ side: owner, why: 'kill-switch', shadow: undefined, fallback: undefined });
    }),
  );
});

test('who asks matters to a share alone', () => {
  fc.assert(
    fc.property(anyFlags, (flags) => {
      expect(dependsOnVisitor(item, flags)).toBe(flags.serve === 'ask' && !flags.killSwitch);
      expect(dependsOnVisitor(create, flags)).toBe(false);
    }),
  );
});
