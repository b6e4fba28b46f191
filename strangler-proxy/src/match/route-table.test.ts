import { defineMigration, type RouteDeclaration, read, write } from 'strangler-migrations/define';
import { expect, test } from 'vitest';
import { readTarget } from './request-target.ts';
import { compileRoutes, declaredRoutes } from './route-table.ts';

const routes: Record<string, RouteDeclaration> = {
  orders: read('GET /orders'),
  order: read('GET /orders/:number'),
  newest: read('GET /orders/newest'),
  lines: read('GET /orders/:number/lines'),
  line: read('GET /orders/:number/lines/:line'),
  amend: write('PATCH /orders/:number'),
  home: read('GET /'),
};

const table = compileRoutes(declaredRoutes([defineMigration({ capability: 'orders', routes, tables: [] })]));
const matched = (method: string, target: string) => table.match(method, target)?.route.id;

test.for([
  ['GET', '/', 'home'],
  ['GET', '/?a', 'home'],
  ['GET', '/orders', 'orders'],
  ['GET', '/orders?page=2', 'orders'],
  ['GET', '/orders?', 'orders'],
  ['HEAD', '/orders', 'orders'],
  ['GET', '/orders/7', 'order'],
  ['GET', '/orders/7?x=/lines', 'order'],
  ['GET', '/orders/a%2Fb', 'order'],
  ['GET', '/orders/newest', 'newest'],
  ['GET', '/orders/newest/lines', 'lines'],
  ['GET', '/orders/7/lines', 'lines'],
  ['GET', '/orders/7/lines/1', 'line'],
  ['PATCH', '/orders/7', 'amend'],
  ['PATCH', '/orders/newest', 'amend'],
])('%s %s is the route %s', ([method = '', target = '', id]) => {
  expect(matched(method, target)).toBe(id);
});

test.for([
  ['GET', '/orders-archive', 'a longer segment'],
  ['GET', '/order', 'a shorter segment'],
  ['GET', '/ORDERS', 'another case'],
  ['GET', '/orders/', 'a trailing slash'],
  ['GET', '/orders/7/', 'a trailing slash'],
  ['GET', '//orders', 'a double slash'],
  ['GET', '/orders//lines', 'an empty segment'],
  ['GET', '/orders/..', 'a dot segment'],
  ['GET', '/orders/./lines', 'a dot segment'],
  ['GET', '/orders/%2e%2E/lines', 'an encoded dot segment'],
  ['GET', '/orders/.%2e', 'an encoded dot segment'],
  ['GET', '/x/../orders', 'a dot segment'],
  ['GET', '/orders%2F7', 'an encoded slash is no separator'],
  ['GET', '/%6Frders', 'an encoded letter'],
  ['GET', '/orders;v=1', 'a path parameter'],
  ['GET', '/orders/7/lines/1/x', 'a longer path'],
  ['POST', '/orders', 'another method'],
  ['HEAD', '/nothing', 'nothing'],
  ['OPTIONS', '/orders', 'another method'],
  ['get', '/orders', 'methods are case-sensitive'],
])('%s %s is nobody’s: %s', ([method = '', target = '']) => {
  expect(matched(method, target)).toBeUndefined();
});

test('a HEAD of its own beats the one that GET brings', () => {
  const own = { get: read('GET /a'), head: read('HEAD /a') };
  const both = compileRoutes(declaredRoutes([defineMigration({ capability: 'a', routes: own, tables: [] })]));
  expect([both.match('HEAD', '/a')?.route.id, both.match('GET', '/a')?.route.id]).toEqual(['head', 'get']);
});

test('two routes that match the same requests are refused by name, across migrations', () => {
  const one = defineMigration({ capability: 'one', routes: { a: read('GET /x/:id') }, tables: [] });
  const two = defineMigration({ capability: 'two', routes: { b: read('GET /x/:other') }, tables: [] });
  expect(() => compileRoutes(declaredRoutes([one, two]))).toThrow(
    'two.b (GET /x/:other) matches the same requests as one.a',
  );
});

test.for([
  ['/a?b', '/a?b', undefined],
  ['//host/a', '//host/a', undefined],
  ['http://shop.test', '/', 'shop.test'],
  ['http://shop.test?q', '/?q', 'shop.test'],
  ['HTTPS://shop.test:81/a//b?q', '/a//b?q', 'shop.test:81'],
] as const)('the target %s is %s', ([url, target, authority]) => {
  expect(readTarget(url)).toEqual({ target, authority });
});

test.for(['*', 'shop.test:443', 'http://user@shop.test/', 'ftp://shop.test/', ''])(
  'the target %s is not passed on',
  (url) => {
    expect(readTarget(url)).toBeUndefined();
  },
);
