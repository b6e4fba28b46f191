import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, startTestCatalog, type TestCatalog } from '../testing/test-catalog.ts';

let catalog: TestCatalog;
beforeAll(async () => {
  catalog = await startTestCatalog();
});
afterAll(() => catalog.stop());

test('a list', async () => {
  for (const t of [
    '/api/products',
    '/api/products/1',
    '/api/products/4',
    '/api/products/5',
    '/api/products/x',
    '/api/search?q=knife',
    '/api/search?q=%25',
    '/api/categories',
    '/api/categories/kitchen',
    '/api/categories/nope',
    '/readyz',
    '/api/products?sort=-price&page=9',
    '/nope',
  ]) {
    const _a = await ask(catalog.service, t);
  }
  const a = await ask(catalog.service, '/api/products');
  expect(a.status).toBe(200);
});
