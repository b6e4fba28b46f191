import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { loadCatalogDocument } from './catalog.ts';

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const result = await validator.validate(fileURLToPath(new URL('../openapi.yaml', import.meta.url)));
  expect(result).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

test("every answer of every operation is described, the shop's and the chassis's", async () => {
  const { operations } = await loadCatalogDocument();
  expect(operations.map(({ id, method, path, role }) => [id, method, path, role])).toEqual([
    ['listProducts', 'get', '/api/products', undefined],
    ['getProduct', 'get', '/api/products/{id}', undefined],
    ['searchProducts', 'get', '/api/search', undefined],
    ['listCategories', 'get', '/api/categories', undefined],
    ['getCategory', 'get', '/api/categories/{code}', undefined],
    ['createProduct', 'post', '/api/admin/products', 'admin'],
    ['updateProduct', 'put', '/api/admin/products/{id}', 'admin'],
    ['deleteProduct', 'delete', '/api/admin/products/{id}', 'admin'],
  ]);
  const problem = { type: 'about:blank', title: 'x', status: 503, code: 'database-unavailable', request_id: 'x' };
  for (const operation of operations) {
    expect(operation.answerFaults(503, 'application/problem+json; charset=utf-8', problem)).toEqual([]);
    expect(operation.answerFaults(418, 'application/json', {})).toEqual([
      'the document knows no answer "418 application/json"',
    ]);
    expect(operation.answerFaults(200, 'application/json', { surprise: true })).not.toEqual([]);
  }
});
