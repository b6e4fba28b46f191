import { join } from 'node:path';
import fc from 'fast-check';
import { loadMigrations } from 'strangler-migrations/define';
import { sides, sidesMatchers } from 'strangler-proxy/testing';
import { type OpenApiDocument, requestsOf } from 'strangler-proxy/testing/openapi';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT, type RunningStack, startStack } from '../support/running-stack.ts';
import { strangler } from '../support/strangler.ts';
import { until } from '../support/until.ts';

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(() => stack?.stop());

const ROUTES = ['list-products', 'product', 'search', 'categories', 'category'];

const REQUESTS = [
  ...Array.from({ length: 60 }, (_, n) => `/api/products/${n * 33 + 1}`),
  ...['/api/products/0', '/api/products/2147483648', '/api/products/x', '/api/products/999999'],
  ...['name', 'price', '-price', 'rating', 'newest', 'nonsense'].map((sort) => `/api/products?sort=${sort}&page=3`),
  ...['1', '2', '9999', '-1', 'x'].map((page) => `/api/products?category=home&page=${page}&per_page=7`),
  ...['?q=%25', '?q=_', '?q=%5C', '?q=caf%C3%A9', '?in_stock=1', '?min_price=10&max_price=20.5', '?page=1&page=2'].map(
    (query) => `/api/products${query}`,
  ),
  ...['kn', 'k', '', '%25%25', 'The', 'red', 'zzzz'].map((q) => `/api/search?q=${q}`),
  '/api/categories',
  ...['home', 'kitchen', 'no-such'].map((code) => `/api/categories/${code}`),
];

/** route -> outcome, or why nothing was compared -> count, as the proxy's metrics say. */
async function comparisons(): Promise<Record<string, Record<string, number>>> {
  const text = await (await fetch(`${stack.urls.proxy_admin}/metrics`)).text();
  const counts: Record<string, Record<string, number>> = {};
  for (const [, labels = '', value] of text.matchAll(
    /^strangler_shadow_(?:comparisons|skipped)_total\{(.*)\} (\d+)$/gm,
  )) {
    const label = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1];
    const route = label('route') ?? '';
    counts[route] = { ...counts[route], [label('outcome') ?? `skipped: ${label('cause')}`]: Number(value) };
  }
  return counts;
}

test('shadow traffic is compared and counted for each route, and the service gives the same answers', async () => {
  for (const route of ROUTES) await strangler(stack, `stage catalog.${route} shadow`);
  await until(
    async () => {
      for (const path of [
        '/api/products',
        '/api/products/1',
        '/api/search?q=red',
        '/api/categories',
        '/api/categories/home',
      ]) {
        await (await fetch(stack.urls.shop + path)).arrayBuffer();
      }
      return comparisons();
    },
    (counts) => ROUTES.every((route) => (counts[route]?.match ?? 0) > 0),
    { withinMs: 10_000, everyMs: 200 },
  );

  for (const path of REQUESTS) {
    const answer = await fetch(stack.urls.shop + path);
    await answer.arrayBuffer();
    expect(answer.headers.get('x-served-by')).toBe('monolith');
  }
  // Each request is accounted for: compared, or skipped with a cause.
  const compared = await until(
    comparisons,
    (counts) =>
      Object.values(counts)
        .flatMap(Object.values<number>)
        .reduce((sum, count) => sum + count) >= REQUESTS.length,
    { withinMs: 20_000 },
  );
  for (const route of ROUTES) {
    expect({ route, mismatch: compared[route]?.mismatch ?? 0 }).toEqual({ route, mismatch: 0 });
    expect({ route, error: compared[route]?.error ?? 0 }).toEqual({ route, error: 0 });
  }
});

test('requests that nobody recorded, made from the service’s OpenAPI document, are answered alike', async () => {
  expect.extend(sidesMatchers);
  const migrations = await loadMigrations(join(ROOT, 'migrations'));
  const migration = migrations.find(({ capability }) => capability === 'catalog')!;
  const document = (await (await fetch(`${stack.urls.catalog}/openapi.json`)).json()) as OpenApiDocument;
  const both = sides({ control: stack.urls.monolith, candidate: stack.urls.catalog, migration });
  // A seed of its own each time; a failure prints it, with the smallest request that fails.
  await fc.assert(
    fc.asyncProperty(requestsOf(document, { migration }), async (request) => {
      expect(await both(request)).toMatchSides();
    }),
    { numRuns: 400 },
  );
});
