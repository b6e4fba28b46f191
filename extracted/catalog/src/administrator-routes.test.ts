import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask, identity, json, startTestCatalog, type TestCatalog } from '../testing/test-catalog.ts';

let catalog: TestCatalog;
let admin: Record<string, string>;
beforeAll(async () => {
  catalog = await startTestCatalog();
  admin = await identity('admin');
});
afterAll(() => catalog.stop());

const COMPLETE = { sku: 'NE-0001', name: 'New', category: 'home/kitchen', price: 5 };

const create = (body: unknown, headers = admin) =>
  ask(catalog.service, '/api/admin/products', json('POST', body, headers));
const change = (id: number | string, body: unknown, headers = admin) =>
  ask(catalog.service, `/api/admin/products/${id}`, json('PUT', body, headers));
const remove = (id: number | string, headers = admin) =>
  ask(catalog.service, `/api/admin/products/${id}`, { method: 'DELETE', headers });
const show = async (id: number) => JSON.parse((await ask(catalog.service, `/api/products/${id}`)).text).product;

beforeEach(async () => {
  await catalog.sql.query("DELETE FROM product WHERE id > 6; UPDATE product SET status = 'active' WHERE id = 3");
});

describe('who may write', () => {
  test.each<[string, () => Promise<Record<string, string>>, number, string]>([
    ['nobody', async () => ({}), 401, '{"error":"LOGIN"}'],
    ['somebody whose token has expired', () => identity('admin', '-1m'), 401, '{"error":"LOGIN"}'],
    [
      'somebody who signed himself',
      async () => ({ 'x-strangler-identity': 'eyJhbGciOiJub25lIn0.e30.' }),
      401,
      '{"error":"LOGIN"}',
    ],
    ['a customer', () => identity('customer'), 403, '{"error":"FORBIDDEN"}'],
  ])('not %s', async (_who, headers, status, text) => {
    const refused = { status, text };
    expect(await create('not even an object', await headers())).toMatchObject(refused);
    expect(await change('x', {}, await headers())).toMatchObject(refused);
    expect(await remove(1, await headers())).toMatchObject(refused);
  });
});

describe('a new product', () => {
  test('is there at once, with what was left out at its default', async () => {
    const { status, headers, text } = await create(COMPLETE);
    const { id } = JSON.parse(text);
    expect([status, headers.get('location'), text]).toEqual([201, `/api/products/${id}`, `{"ok":1,"id":${id}}`]);
    expect(await show(id)).toMatchObject({
      sku: 'NE-0001',
      description: '',
      brand: null,
      price: 5,
      old_price: null,
      tax: 'standard',
      attributes: {},
      weight_g: null,
      rating: '0.00',
      stock_qty: 0,
    });
  });

  test('keeps all that was said of it, blanks around it aside', async () => {
    const body = {
      ...COMPLETE,
      sku: ' NE-0002 ',
      name: '\tNew\n',
      brand: '  ',
      description: ' as typed ',
      price: '0.10',
      old_price: 99_999_999.99,
      tax: 'none',
      attributes: { 'a=b;': 'c\\', ü: '' },
      weight_g: 0,
      unknown: true,
    };
    const { id } = JSON.parse((await create(body)).text);
    expect(await show(id)).toMatchObject({
      sku: 'NE-0002',
      name: 'New',
      brand: null,
      description: ' as typed ',
      price: 0.1,
      old_price: 99_999_999.99,
      tax: 'none',
      attributes: { 'a=b;': 'c\\', ü: '' },
      weight_g: 0,
    });
  });

  test('with a taken sku is refused, that of a deleted product too', async () => {
    for (const sku of ['KN-0001', 'DE-0005']) {
      expect(await create({ ...COMPLETE, sku })).toMatchObject({ status: 409, text: '{"error":"DUP_SKU"}' });
    }
  });

  test('is made once when many ask for the same sku at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => create(COMPLETE)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(11).fill(409)]);
    const { rows } = await catalog.sql.query("SELECT count(*)::int AS n FROM product WHERE sku = 'NE-0001'");
    expect(rows).toEqual([{ n: 1 }]);
  });
});

describe('a body', () => {
  test.each([
    ['{', 400, 'BAD_JSON'],
    ['[]', 400, 'BAD_JSON'],
    ['"text"', 400, 'BAD_JSON'],
    [`"${'x'.repeat(110_000)}"`, 413, 'TOO_LARGE'],
  ])('of $0.length characters that begin with $0.0 is $1 $2', async (body, status, error) => {
    const init = { method: 'POST', body, headers: { ...admin, 'content-type': 'application/json' } };
    const answer = await ask(catalog.service, '/api/admin/products', init);
    expect(answer).toMatchObject({ status, text: JSON.stringify({ error }) });
  });

  test('of another media type is no JSON', async () => {
    const init = { method: 'POST', body: '{}', headers: { ...admin, 'content-type': 'text/plain' } };
    expect(await ask(catalog.service, '/api/admin/products', init)).toMatchObject({
      status: 400,
      text: '{"error":"BAD_JSON"}',
    });
  });

  test('without what is required names all of it', async () => {
    expect(await create({})).toMatchObject({
      status: 422,
      text: '{"error":"INVALID","fields":{"sku":"is required","name":"is required","category":"is required","price":"is required"}}',
    });
  });

  test("with faults has each named in the shop's words and order, the unknown category among them", async () => {
    const body = { status: 'deleted', price: '1.234', category: 'home/nowhere', sku: 'x', weight_g: -1 };
    expect(await change(1, body)).toMatchObject({
      status: 422,
      text:
        '{"error":"INVALID","fields":{"sku":"must be 2 to 20 of A-Z, 0-9 and -","category":"must be the path of a category",' +
        '"price":"must be a decimal with up to 2 places from 0 to 99999999.99",' +
        '"weight_g":"must be a whole number from 0 to 1000000 or null","status":"must be active or hidden"}}',
    });
  });

  test.each([
    ['name', ['x'.repeat(161), ' ', 5, null, 'a\0b', '😀'.repeat(81)], ['x'.repeat(160), '😀'.repeat(80)]],
    ['description', ['x'.repeat(10_001), null], ['x'.repeat(10_000), '']],
    ['brand', ['x'.repeat(61), 5], ['x'.repeat(60), '', null]],
    ['category', ['', 'nope', 'home/', null], ['home', 'home/attic']],
    ['price', [-1, 1.234, '1.', '1e2', 100_000_000, 0.1 + 0.2, null, true], [0, 19.99, '0.5', '99999999.99']],
    ['old_price', [-1, '1,5', false], [null, '', '19.90']],
    ['tax', ['Standard', 1, null], ['reduced']],
    ['attributes', [[], 'a=b', null, { a: 1 }, { '': 'x' }, { a: 'x'.repeat(501) }], [{}, { a: '' }]],
    ['weight_g', [1.5, -1, 1_000_001, '5'], [0, 1_000_000, null]],
    ['status', ['deleted', 'ACTIVE', null], ['active']],
  ])('is held to the rule of %s', async (field, wrong, right) => {
    for (const value of wrong) {
      const { status, text } = await change(2, { [field]: value });
      expect([status, Object.keys(JSON.parse(text).fields)], `${field}: ${value}`).toEqual([422, [field]]);
    }
    for (const value of right) expect((await change(2, { [field]: value })).status, `${field}: ${value}`).toBe(200);
  });
});

describe('a change', () => {
  test('changes what it names and the time, and answers with the product', async () => {
    const before = await show(3);
    const { status, text } = await change(3, { price: '7.50', attributes: { size: 'L' } });
    expect(status).toBe(200);
    const { product } = JSON.parse(text);
    expect(product).toEqual({ ...before, price: 7.5, attributes: { size: 'L' }, updated: expect.any(String) });
    expect(product.updated).not.toBe(before.updated);
  });

  test('may hide a product, and shows it nevertheless', async () => {
    const { text } = await change(3, { status: 'hidden' });
    expect(JSON.parse(text).product.id).toBe(3);
    expect((await ask(catalog.service, '/api/products/3')).status).toBe(404);
  });

  test('to the sku of another is refused', async () => {
    expect(await change(3, { sku: 'KN-0001' })).toMatchObject({ status: 409, text: '{"error":"DUP_SKU"}' });
  });

  test.each([
    [99, 404, '{"error":"NO_PROD","msg":"product 99 not found"}'],
    [5, 404, '{"error":"NO_PROD","msg":"product 5 not found"}'],
    ['x', 200, '{"error":"BAD_ID"}'],
  ])('of %s is %i', async (id, status, text) => {
    expect(await change(id, { name: 'Never' })).toMatchObject({ status, text });
  });
});

test('a product is deleted once', async () => {
  const { id } = JSON.parse((await create(COMPLETE)).text);
  expect(await remove(id)).toMatchObject({ status: 200, text: '{"ok":1}' });
  expect(await remove(id)).toMatchObject({ status: 200, text: '{"ok":0}' });
  expect((await ask(catalog.service, `/api/products/${id}`)).status).toBe(410);
  expect(await remove(99)).toMatchObject({ status: 404, text: '{"error":"NO_PROD","msg":"product 99 not found"}' });
  expect(await remove('x')).toMatchObject({ status: 200, text: '{"error":"BAD_ID"}' });
});
