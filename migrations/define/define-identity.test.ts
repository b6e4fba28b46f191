import { expect, test } from 'vitest';
import { defineIdentity } from './define-identity.ts';

test('a declaration of identity says everything that is wrong with it, at once', () => {
  const wrong = { session: { cookie: 'a b' }, ask: 'api/me', read: 'x' } as never;
  expect(() => defineIdentity(wrong)).toThrow(/3 faults[\s\S]*session[\s\S]*ask[\s\S]*read/);
  const both = { session: { cookie: 'a', header: 'b' }, ask: '/me', read: () => undefined } as never;
  expect(() => defineIdentity(both)).toThrow(/One fault[\s\S]*session/);
  const right = { session: { header: 'authorization' }, ask: '/me', read: () => ({ subject: '1' }) } as const;
  expect(defineIdentity(right)).toBe(right);
});
