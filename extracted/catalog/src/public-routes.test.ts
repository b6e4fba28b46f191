import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, startTestCatalog, type TestCatalog } from '../testing/test-catalog.ts';

let catalog: TestCatalog;
beforeAll(async () => {
  catalog = await startTestCatalog();
});
afterAll(() => catalog.stop());

const get = (target: string, init?: RequestInit) => ask(catalog.service, target, init);

async function listed(query: string): Promise<number[]> {
  const { text } = await get(`/api/products?${query}`);
  return JSON.parse(text).products.map((product: { id: number }) => product.id);
}

async function found(query: string): Promise<number[]> {
  const { text } = await get(`/api/search?${query}`);
  return JSON.parse(text).hits.map((product: { id: number }) => product.id);
}

test("an answer has the shop's headers, byte for byte", async () => {
  const { status, headers, text } = await get('/api/products/9');
  expect(status).toBe(404);
  expect(text).toBe('{"error":"NO_PROD","msg":"product 9 not found"}');
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-length': '47',
    'x-powered-by': 'Shop/4.2',
    'cache-control': 'no-cache',
    etag: 'W/"2f-jMdGA0oxUPDPtc2bl6pvAdEDxLg"',
  });
});

test('a client that has the answer already gets 304, and HEAD gets no body', async () => {
  const first = await get('/api/products');
  const etag = first.headers.get('etag') ?? '';
  const again = await get('/api/products', {
    // Left to itself, fetch would send no-cache along.
    headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
  });
  expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
  const head = await get('/api/products', { method: 'HEAD' });
  expect([head.status, head.text, head.headers.get('content-length')]).toEqual([
    200,
    '',
    first.headers.get('content-length'),
  ]);
});

describe('the list', () => {
  test('is worded as the shop words it', async () => {
    expect((await get('/api/products?per_page=2')).text).toBe(
      '{"page":1,"pages":2,"per_page":2,"total":"4","products":[' +
        '{"id":2,"sku":"KN-0002","name":"Bread knife","price":"19.90","old_price":"25.00","brand":null,' +
        '"category":"home/kitchen/knives","image":"/images/products/2.svg","stock":"N","rating":4.5,"reviews":30},' +
        '{"id":1,"sku":"KN-0001","name":"Chef\'s knife","price":"19.90","old_price":"","brand":"Stahl",' +
        '"category":"home/kitchen/knives","image":"/images/products/1.svg","stock":"Y","rating":4.5,"reviews":12}]}',
    );
  });

  test('has the total on an empty page past the end too', async () => {
    expect((await get('/api/products?page=9')).text).toBe(
      '{"page":9,"pages":1,"per_page":24,"total":"4","products":[]}',
    );
  });

  test.each([
    ['', [2, 1, 3, 6]],
    ['sort=name', [2, 1, 3, 6]],
    ['sort=price', [3, 1, 2, 6]],
    ['sort=-price', [6, 1, 2, 3]],
    ['sort=rating', [2, 1, 3, 6]],
    ['sort=newest', [2, 1, 3, 6]],
    ['sort=cheapest', [2, 1, 3, 6]],
    ['category=home', [2, 1, 3, 6]],
    ['category=home/kitchen/knives', [2, 1]],
    ['category=kitchen', []],
    ['category=home/kit', []],
    ['q=KNIFE', [2, 1]],
    ['q=stahl', [1, 6]],
    ['q=pa-0003', [3]],
    ['q=fork', []],
    ['q=%C3%A9LAN', [3]],
    ['q=_', [3]],
    ['q=%25', []],
    ['brand=Stahl', [1, 6]],
    ['brand=stahl', []],
    ['min_price=19.90', [2, 1, 6]],
    ['max_price=19.90', [2, 1, 3]],
    ['min_price=19.901', [2, 1, 3, 6]],
    ['in_stock=1', [1, 6]],
    ['in_stock=true', [2, 1, 3, 6]],
    ['page=2&per_page=3', [6]],
    ['page=0&per_page=101', [2, 1, 3, 6]],
    ['page=2&page=1', [2, 1, 3, 6]],
    ['page=1&page=2', []],
    ['q=a%00', [2, 1, 3, 6]],
  ])('for "%s" has %j', async (query, ids) => {
    expect(await listed(query)).toEqual(ids);
  });
});

describe('one product', () => {
  test('is worded as the shop words it', async () => {
    expect((await get('/api/products/1')).text).toBe(
      '{"product":{"id":1,"sku":"KN-0001","name":"Chef\'s knife","description":"Cuts 100% of onions","brand":"Stahl",' +
        '"price":19.9,"old_price":null,"currency":"EUR","tax":"standard","category":{"path":"home/kitchen/knives",' +
        '"name":"Knives","trail":[{"path":"home","name":"Home"},{"path":"home/kitchen","name":"Kitchen"},' +
        '{"path":"home/kitchen/knives","name":"Knives"}]},"attributes":{"colour":"blue"},"weight_g":350,' +
        '"image":"/images/products/1.svg","in_stock":true,"stock_qty":12,"rating":"4.50","review_count":12,' +
        '"created":"2024-03-05 14:22","updated":"2024-03-06 09:01"}}',
    );
  });

  test('never has less than nothing in stock, and no rating is "0.00"', async () => {
    expect(JSON.parse((await get('/api/products/3')).text).product).toMatchObject({ in_stock: false, stock_qty: 0 });
    expect(JSON.parse((await get('/api/products/6')).text).product).toMatchObject({ rating: '0.00', review_count: 0 });
  });

  test('leaves an inactive category out of the trail', async () => {
    const { category } = JSON.parse((await get('/api/products/6')).text).product;
    expect(category).toEqual({
      path: 'home/attic/trunks',
      name: 'Trunks',
      trail: [
        { path: 'home', name: 'Home' },
        { path: 'home/attic/trunks', name: 'Trunks' },
      ],
    });
  });

  test.each<[string, number, string]>([
    ['99', 404, '{"error":"NO_PROD","msg":"product 99 not found"}'],
    ['4', 404, '{"error":"NO_PROD","msg":"product 4 not found"}'],
    ['5', 410, '{"error":"GONE","msg":"product 5 is no longer sold"}'],
    ['2147483647', 404, '{"error":"NO_PROD","msg":"product 2147483647 not found"}'],
    ...['0', '-1', '1.0', '01', 'x', '1%20', '2147483648', '99999999999999999999'].map(
      (id): [string, number, string] => [id, 200, '{"error":"BAD_ID"}'],
    ),
    ['%zz', 400, '{"error":"BAD_REQUEST"}'],
  ])('with the id %s is %i %s', async (id, status, text) => {
    expect(await get(`/api/products/${id}`)).toMatchObject({ status, text });
  });
});

describe('the search', () => {
  test('shows what begins with the text first', async () => {
    expect(await found('q=bread')).toEqual([2]);
    expect(await found('q=k')).toEqual([]);
    expect(await found('q=kn')).toEqual([2, 1, 3]);
    expect(await found('q=CHEF')).toEqual([1]);
    expect(await found('q=an')).toEqual([3]);
    await catalog.sql.query("UPDATE product SET name = 'Knife and fork' WHERE id = 3");
    expect(await found('q=kn')).toEqual([3, 2, 1]);
    await catalog.sql.query("UPDATE product SET name = 'Pan 100_' WHERE id = 3");
  });

  test.each([
    ['100%25', [1]],
    ['0_', [3]],
    ['%5Ctemp', [6]],
    ['c:%5C', [6]],
    ['__', []],
  ])('takes %s literally', async (q, ids) => {
    expect(await found(`q=${q}`)).toEqual(ids);
  });

  test('asks for more when there is too little to search for', async () => {
    expect((await get('/api/search?q=%20k%20')).text).toBe(
      '{"q":"k","page":1,"count":0,"hits":[],"hint":"type at least 2 characters"}',
    );
    expect((await get('/api/search?page=7')).text).toBe(
      '{"q":"","page":1,"count":0,"hits":[],"hint":"type at least 2 characters"}',
    );
  });

  test('counts what is not on this page', async () => {
    expect((await get('/api/search?q=%20knife&page=2')).text).toBe('{"q":"knife","page":2,"count":3,"hits":[]}');
  });
});

describe('the categories', () => {
  test('are a tree of the active ones, each with what is in it and below', async () => {
    expect((await get('/api/categories')).text).toBe(
      '[{"code":"garden","name":"Garden","path":"garden","count":0,"children":[]},' +
        '{"code":"home","name":"Home","path":"home","count":4,"children":[' +
        '{"code":"bath","name":"Bath","path":"home/bath","count":0,"children":[]},' +
        '{"code":"kitchen","name":"Kitchen","path":"home/kitchen","count":3,"children":[' +
        '{"code":"knives","name":"Knives","path":"home/kitchen/knives","count":2,"children":[]}]}]}]',
    );
  });

  test('can be had one by one, also below an inactive one', async () => {
    expect((await get('/api/categories/home')).text).toBe(
      '{"category":{"code":"home","name":"Home","path":"home","count":4,"children":[' +
        '{"code":"bath","name":"Bath"},{"code":"kitchen","name":"Kitchen"}]}}',
    );
    expect((await get('/api/categories/trunks')).status).toBe(200);
  });

  test.each(['attic', 'nope', 'HOME', 'home%2Fkitchen'])('do not know %s', async (code) => {
    expect(await get(`/api/categories/${code}`)).toMatchObject({
      status: 404,
      text: `{"error":"NO_CAT","msg":"category ${decodeURIComponent(code)} not found"}`,
    });
  });
});

test.each([
  ['GET', '/api/nothing', 404, 'unknown-route', null],
  ['POST', '/api/products', 405, 'method-not-allowed', 'GET, HEAD'],
  ['GET', '/api/admin/products/1', 405, 'method-not-allowed', 'PUT, DELETE'],
])('what the contract leaves open is a problem: %s %s', async (method, target, status, code, allow) => {
  const response = await fetch(catalog.service.url + target, { method });
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(response.headers.get('allow')).toBe(allow);
  expect(await response.json()).toMatchObject({ status, code, type: 'about:blank', request_id: expect.any(String) });
});
