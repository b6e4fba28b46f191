import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCategory, addProduct, addUser, startTestShop, type TestShop, type Visitor } from '../testing/test-shop.ts';

let shop: TestShop;
let admin: Visitor;
let customer: Visitor;

beforeAll(async () => {
  shop = await startTestShop();
  await addUser(shop.database, 'admin@x.example', 'A');
  await addUser(shop.database, 'anna@x.example');
  admin = await shop.loggedIn('admin@x.example');
  customer = await shop.loggedIn('anna@x.example');
  await addCategory(shop.database, 'home', 'Home');
  await addCategory(shop.database, 'attic', 'Attic', 0, 'N');
  await shop.database.pool.query("SELECT setval('prod_prod_id_seq', 100)");
});

afterAll(() => shop.close());

const PRODUCT = { sku: 'AB-1', name: 'Thing', category: 'home', price: '1.50' };
const packed = async (id: number) =>
  (await shop.database.prisma.prod.findUniqueOrThrow({ where: { prod_id: id } })).attr_txt;

describe('who may', () => {
  it.each(['POST /api/admin/products', 'PUT /api/admin/products/x', 'DELETE /api/admin/products/1'])(
    '%s: administrators',
    async (route) => {
      const [method, path] = route.split(' ') as [string, string];
      expect(await shop.visitor().send(method, path)).toMatchObject({ status: 401, text: '{"error":"LOGIN"}' });
      expect(await customer.send(method, path)).toMatchObject({ status: 403, text: '{"error":"FORBIDDEN"}' });
    },
  );

  it('not another site’s page, whatever cookie the browser adds', async () => {
    const attack = (headers: Record<string, string>) =>
      admin.send('DELETE', '/api/admin/products/1', undefined, headers);
    const refused = { status: 403, text: '{"error":"ORIGIN"}' };
    expect(await attack({ origin: 'https://evil.example' })).toMatchObject(refused);
    expect(await attack({ origin: 'null' })).toMatchObject(refused);
    expect(await attack({ 'sec-fetch-site': 'cross-site', origin: shop.url })).toMatchObject(refused);
    expect(await attack({ 'sec-fetch-site': 'same-site' })).toMatchObject(refused);
    // A browser that says where the page is from is believed before the Origin, whose host a proxy may have changed.
    expect((await attack({ 'sec-fetch-site': 'same-origin', origin: 'https://shop.example' })).status).toBe(404);
    expect((await attack({ origin: shop.url })).status).toBe(404);
  });
});

describe('POST /api/admin/products', () => {
  it('creates a product with what is given, and defaults for the rest', async () => {
    const answer = await admin.send('POST', '/api/admin/products', PRODUCT);
    expect(answer).toMatchObject({ status: 201, text: '{"ok":1,"id":101}' });
    expect(answer.headers.get('location')).toBe('/api/products/101');
    const { product } = (await admin.get('/api/products/101')).body;
    expect(product).toMatchObject({
      price: 1.5,
      old_price: null,
      brand: null,
      description: '',
      tax: 'standard',
      attributes: {},
      weight_g: null,
      stock_qty: 0,
    });
  });

  it('refuses a taken sku', async () => {
    expect(await admin.send('POST', '/api/admin/products', PRODUCT)).toMatchObject({
      status: 409,
      text: '{"error":"DUP_SKU"}',
    });
  });

  it('names every field at fault, in the order of API.md', async () => {
    const body = {
      sku: 'ab',
      name: ' ',
      category: 'nowhere',
      price: 1.999,
      description: 7,
      brand: 'b'.repeat(61),
      old_price: '-1',
      tax: 'high',
      attributes: { a: 1 },
      weight_g: 1.5,
      status: 'deleted',
    };
    const { status, text } = await admin.send('POST', '/api/admin/products', body);
    expect(status).toBe(422);
    expect(text).toBe(
      '{"error":"INVALID","fields":{"sku":"must be 2 to 20 of A-Z, 0-9 and -","name":"must be 1 to 160 characters",' +
        '"category":"must be the path of a category","price":"must be a decimal with up to 2 places from 0 to 99999999.99",' +
        '"description":"must be up to 10000 characters","brand":"must be up to 60 characters or null",' +
        '"old_price":"must be a decimal with up to 2 places from 0 to 99999999.99 or null","tax":"must be standard, reduced or none",' +
        '"attributes":"must be an object of up to 50 texts","weight_g":"must be a whole number from 0 to 1000000 or null",' +
        '"status":"must be active or hidden"}}',
    );
  });

  it('asks for what is required', async () => {
    const fields = { sku: 'is required', name: 'is required', category: 'is required', price: 'is required' };
    expect((await admin.send('POST', '/api/admin/products', {})).body).toEqual({ error: 'INVALID', fields });
  });

  it.each([
    ['an array', '[]', 'application/json', 400, 'BAD_JSON'],
    ['broken JSON', '{', 'application/json', 400, 'BAD_JSON'],
    ['nothing', '', 'application/json', 400, 'BAD_JSON'],
    ['another type', '{}', 'text/plain', 400, 'BAD_JSON'],
    ['too much', JSON.stringify({ name: 'x'.repeat(110_000) }), 'application/json', 413, 'TOO_LARGE'],
  ])('refuses %s', async (_what, body, type, status, error) => {
    const response = await fetch(`${shop.url}/api/admin/products`, {
      method: 'POST',
      body,
      headers: { 'content-type': type, cookie: admin.cookie! },
    });
    expect([response.status, await response.json()]).toEqual([status, { error }]);
  });
});

describe('PUT /api/admin/products/:id', () => {
  it('changes what is given, trims, packs attributes, and answers as GET does', async () => {
    await addProduct(shop.database, { prod_id: 20, upd_dt: new Date('2020-01-01') });
    const body = {
      name: ' New ',
      price: 7,
      old_price: '9.5',
      brand: '',
      category: 'attic',
      attributes: { 'a=b': 'c;d\\', size: 'M' },
    };
    const { status, body: answer } = await admin.send('PUT', '/api/admin/products/20', body);
    expect(status).toBe(200);
    expect(answer).toEqual((await admin.get('/api/products/20')).body);
    expect(answer.product).toMatchObject({
      sku: 'T-20',
      name: 'New',
      price: 7,
      old_price: 9.5,
      brand: null,
      attributes: { 'a=b': 'c;d\\', size: 'M' },
    });
    expect(answer.product.updated > '2020-01-02').toBe(true);
    expect(await packed(20)).toBe('a\\=b=c\\;d\\\\;size=M');
  });

  it('leaves the packed attributes as they are when they are not given', async () => {
    await addProduct(shop.database, { prod_id: 21, attr_txt: ';gift idea;size=M;size=L;' });
    await admin.send('PUT', '/api/admin/products/21', { price: '2.00' });
    expect(await packed(21)).toBe(';gift idea;size=M;size=L;');
  });

  it('hides a product, and still answers with it', async () => {
    await addProduct(shop.database, { prod_id: 22 });
    expect((await admin.send('PUT', '/api/admin/products/22', { status: 'hidden' })).body.product.id).toBe(22);
    expect((await admin.get('/api/products/22')).status).toBe(404);
    expect((await admin.send('PUT', '/api/admin/products/22', { status: 'active' })).status).toBe(200);
    expect((await admin.get('/api/products/22')).status).toBe(200);
  });

  it.each([
    ['x', {}, 200, { error: 'BAD_ID' }],
    [
      '99',
      { price: 'x' },
      422,
      { error: 'INVALID', fields: { price: 'must be a decimal with up to 2 places from 0 to 99999999.99' } },
    ],
    ['99', {}, 404, { error: 'NO_PROD', msg: 'product 99 not found' }],
  ])('%s with %j: %i', async (id, body, status, expected) => {
    const answer = await admin.send('PUT', `/api/admin/products/${id}`, body);
    expect([answer.status, answer.body]).toEqual([status, expected]);
  });
});

describe('DELETE /api/admin/products/:id', () => {
  it('marks a product as deleted, once', async () => {
    await addProduct(shop.database, { prod_id: 30 });
    expect(await admin.send('DELETE', '/api/admin/products/30')).toMatchObject({ status: 200, text: '{"ok":1}' });
    expect(await admin.send('DELETE', '/api/admin/products/30')).toMatchObject({ status: 200, text: '{"ok":0}' });
    expect((await admin.get('/api/products/30')).status).toBe(410);
    expect((await admin.send('PUT', '/api/admin/products/30', {})).body.error).toBe('NO_PROD');
    expect((await admin.send('DELETE', '/api/admin/products/31')).status).toBe(404);
  });
});

describe('PATCH /api/admin/inventory/:productId', () => {
  it('sets what is on hand, also where nobody ever counted', async () => {
    await addProduct(shop.database, { prod_id: 40 });
    expect((await admin.send('PATCH', '/api/admin/inventory/40', { on_hand: 5 })).body).toEqual({
      ok: 1,
      on_hand: 5,
      reserved: 0,
    });
    expect((await admin.get('/api/products/40')).body.product.stock_qty).toBe(5);
    expect((await admin.send('PATCH', '/api/admin/inventory/40', { on_hand: -1 })).status).toBe(422);
    expect((await admin.send('PATCH', '/api/admin/inventory/41', { on_hand: 1 })).body.error).toBe('NO_PROD');
  });
});

describe('the form of the admin page', () => {
  it('saves a plain form post and goes back to the product with 303', async () => {
    await addProduct(shop.database, { prod_id: 50, attr_txt: ';gift idea;size=M' });
    const answer = await admin.form('/admin/products/50', { price: '12.34', attributes: 'size=M' });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/admin/products/50');
    expect((await admin.get('/api/products/50')).body.product).toMatchObject({ price: 12.34, name: 'Thing 50' });
    expect(await packed(50)).toBe(';gift idea;size=M');
    const page = await admin.get('/admin/products/50');
    expect(page.text).toContain('Saved.');
    expect((await admin.get('/admin/products/50')).text).not.toContain('Saved.');
  });

  it('shows what was wrong beside what was typed', async () => {
    await addProduct(shop.database, { prod_id: 51 });
    const answer = await admin.form('/admin/products/51', { price: '1,50', attributes: 'no equals sign' });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('value="1,50"');
    expect(answer.text).toContain('must be a decimal with up to 2 places');
    expect(answer.text).toContain('must be an object of up to 50 texts');
  });

  it('is not for others', async () => {
    expect((await customer.form('/admin/products/50', { price: '1' })).status).toBe(403);
    const stranger = await shop.visitor().get('/admin/products/50');
    expect([stranger.status, stranger.headers.get('location')]).toEqual([303, '/login?next=%2Fadmin%2Fproducts%2F50']);
  });
});
