import { expect, test } from 'vitest';
import { readVisitor } from './visitor.ts';

const ID = 'A-_0123456789abcdefghi';

test.for([
  [`strangler_visitor=${ID}`],
  [`a=1; strangler_visitor=${ID}`],
  [`a=1;strangler_visitor=${ID} ; b="x; y"`],
  [`strangler_visitor=short; strangler_visitor=${ID}`],
])('the visitor is known by %s', ([cookies]) => {
  expect(readVisitor(cookies, false)).toEqual({ id: ID, setCookie: undefined });
});

test.for([
  [undefined],
  [''],
  ['a=1'],
  ['strangler_visitor='],
  [`xstrangler_visitor=${ID}`],
  [`strangler_visitor=${ID}x`],
  [`strangler_visitor=${ID.slice(1)}"`],
])('the visitor is new with %s', ([cookies]) => {
  const { id, setCookie } = readVisitor(cookies, false);
  expect(id).toMatch(/^[\w-]{22}$/);
  expect(setCookie).toBe(`strangler_visitor=${id}; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax`);
  expect(readVisitor(setCookie, false).id).toBe(id);
});

test('over TLS the cookie stays on TLS', () => {
  expect(readVisitor(undefined, true).setCookie).toMatch(/; Secure$/);
});
