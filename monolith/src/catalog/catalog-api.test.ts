import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCategory, addProduct, startTestShop, type TestShop } from '../testing/test-shop.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await startTestShop();
  const { database } = shop;
  await addCategory(database, 'home', 'Home', 2);
  await addCategory(database, 'home/kitchen', 'Kitchen', 1);
  await addCategory(database, 'home/kitchen/knives', 'Knives');
  await addCategory(database, 'home/old', 'Old', 0, 'N');
  await addCategory(database, 'home/old/older', 'Older');
  await addCategory(database, 'garden', 'Garden', 1);
  const knife = {
    prod_id: 7,
    sku: 'KN-0007',
    prod_nm: "Chef's knife",
    prod_dsc: 'Sharp.',
    prod_prc: '19.90',
    cat_path: 'home/kitchen/knives',
    attr_txt: 'colour=blue;gift idea;size=XL;colour=red',
    wght_g: 350,
    crt_dt: new Date('2024-03-05T14:22:59Z'),
    upd_dt: new Date('2024-03-06T09:01:00Z'),
    stock: 12,
  };
  await addProduct(database, knife);
  await addProduct(database, {
    prod_id: 8,
    prod_nm: 'apron',
    prod_prc: '25.00',
    old_prc: '30.00',
    brnd_nm: 'Ärmel',
    stock: 0,
    cat_path: 'home/kitchen',
  });
  await addProduct(database, {
    prod_id: 9,
    prod_nm: '100% wool',
    prod_dsc: 'knife-proof',
    prod_prc: '129.00',
    cat_path: 'home_',
    crt_dt: new Date('2030-01-01'),
  });
  await addProduct(database, {
    prod_id: 10,
    prod_nm: 'Bread knife',
    prod_prc: '19.90',
    cat_path: 'home/old/older',
    stock: 1,
  });
  await addProduct(database, { prod_id: 11, prod_nm: 'Hidden', prod_st: 2 });
  await addProduct(database, { prod_id: 12, prod_nm: 'Deleted', prod_st: 9 });
  await database.prisma.prod_sum.create({ data: { prod_id: 7, rvw_cnt: 12, rvw_avg: '4.5' } });
  await database.prisma.prod_sum.create({ data: { prod_id: 8, rvw_cnt: 30, rvw_avg: '4.5' } });
});

afterAll(() => shop.close());

const get = (path: string) => shop.visitor().get(path);
const ids = async (query: string) =>
  (await get(`/api/products${query}`)).body.products.map((product: { id: number }) => product.id);

describe('every answer', () => {
  it('has the headers that clients know, an ETag, and sets no cookie', async () => {
    const { headers } = await get('/api/products/7');
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('x-powered-by')).toBe('Shop/4.2');
    expect(headers.get('cache-control')).toBe('no-cache');
    expect(headers.get('etag')).toMatch(/^W\/".+"$/);
    expect(headers.getSetCookie()).toEqual([]);
  });

  it('is 304 when the client has it already', async () => {
    const { headers } = await get('/api/categories');
    const again = await shop.visitor().get('/api/categories', {
      'if-none-match': headers.get('etag')!,
      // Without it, fetch would ask for a fresh answer.
      'cache-control': 'max-age=0',
    });
    expect(again.status).toBe(304);
  });

  it('is 404 for what does not exist and 400 for what does not decode', async () => {
    expect(await get('/api/nothing')).toMatchObject({ status: 404, text: '{"error":"NOT_FOUND"}' });
    expect(await get('/api/products/%zz')).toMatchObject({ status: 400, text: '{"error":"BAD_REQUEST"}' });
  });
});

describe('GET /api/products', () => {
  it('answers byte for byte as API.md says', async () => {
    expect((await get('/api/products?category=home/kitchen/knives')).text).toBe(
      '{"page":1,"pages":1,"per_page":24,"total":"1","products":[{"id":7,"sku":"KN-0007","name":"Chef\'s knife",' +
        '"price":"19.90","old_price":"","brand":null,"category":"home/kitchen/knives","image":"/images/products/7.svg",' +
        '"stock":"Y","rating":4.5,"reviews":12}]}',
    );
  });

  it('shows a product without stock and rating rows as sold out and unrated', async () => {
    const { products } = (await get('/api/products?q=wool')).body;
    expect(products[0]).toMatchObject({ id: 9, stock: 'N', rating: 0, reviews: 0 });
  });

  it('shows active products only, by name in code point order', async () => {
    expect(await ids('')).toEqual([9, 10, 7, 8]);
  });

  it.each([
    ['price', [7, 10, 8, 9]],
    ['-price', [9, 8, 7, 10]],
    ['rating', [8, 7, 9, 10]],
    ['newest', [9, 8, 10, 7]],
    ['nonsense', [9, 10, 7, 8]],
    ['toString', [9, 10, 7, 8]],
  ])('sorts by %s, ties by rising id', async (sort, expected) => {
    const created = new Date('2029-01-01');
    await shop.database.prisma.prod.updateMany({ where: { prod_id: { in: [8, 10] } }, data: { crt_dt: created } });
    expect(await ids(`?sort=${sort}`)).toEqual(expected);
  });

  it.each([
    ['category=home', [10, 7, 8]],
    ['category=home_', [9]],
    ['category=HOME', []],
    ['category=', [9, 10, 7, 8]],
    ['q=%20KNIFE%20', [10, 7]],
    ['q=%25', [9]],
    ['q=kn-', [7]],
    ['q=%C3%84RM', [8]],
    ['brand=%C3%84rmel', [8]],
    ['brand=%C3%A4rmel', []],
    ['min_price=19.90&max_price=25', [10, 7, 8]],
    ['min_price=1e9', [9, 10, 7, 8]],
    ['max_price=19.901', [9, 10, 7, 8]],
    ['in_stock=1', [10, 7]],
    ['in_stock=true', [9, 10, 7, 8]],
    ['q=wool&q=bread', [10]],
    ['q=%00', [9, 10, 7, 8]],
  ])('%s', async (query, expected) => {
    expect(await ids(`?${query}`)).toEqual(expected);
  });

  it('pages, and is empty past the end', async () => {
    const { products, ...rest } = (await get('/api/products?per_page=3&page=2')).body;
    expect(rest).toEqual({ page: 2, pages: 2, per_page: 3, total: '4' });
    expect(products).toHaveLength(1);
    expect((await get('/api/products?per_page=3&page=9')).body).toEqual({
      page: 9,
      pages: 2,
      per_page: 3,
      total: '4',
      products: [],
    });
    expect((await get('/api/products?q=zzz')).body).toEqual({
      page: 1,
      pages: 0,
      per_page: 24,
      total: '0',
      products: [],
    });
  });

  it.each(['page=0', 'page=-1', 'page=x', 'page=2147483648', 'per_page=101', 'per_page=0', 'per_page=2.5'])(
    'ignores %s',
    async (query) => {
      expect((await get(`/api/products?${query}`)).body).toMatchObject({ page: 1, per_page: 24 });
    },
  );
});

describe('GET /api/products/:id', () => {
  it('answers byte for byte as API.md says', async () => {
    expect((await get('/api/products/7')).text).toBe(
      '{"product":{"id":7,"sku":"KN-0007","name":"Chef\'s knife","description":"Sharp.","brand":null,"price":19.9,' +
        '"old_price":null,"currency":"EUR","tax":"standard","category":{"path":"home/kitchen/knives","name":"Knives",' +
        '"trail":[{"path":"home","name":"Home"},{"path":"home/kitchen","name":"Kitchen"},{"path":"home/kitchen/knives","name":"Knives"}]},' +
        '"attributes":{"colour":"red","size":"XL"},"weight_g":350,"image":"/images/products/7.svg","in_stock":true,' +
        '"stock_qty":12,"rating":"4.50","review_count":12,"created":"2024-03-05 14:22","updated":"2024-03-06 09:01"}}',
    );
  });

  it('leaves inactive and missing categories out of the trail', async () => {
    expect((await get('/api/products/10')).body.product.category).toEqual({
      path: 'home/old/older',
      name: 'Older',
      trail: [
        { path: 'home', name: 'Home' },
        { path: 'home/old/older', name: 'Older' },
      ],
    });
    expect((await get('/api/products/9')).body.product.category).toEqual({ path: 'home_', name: '', trail: [] });
  });

  it.each([
    ['99', 404, '{"error":"NO_PROD","msg":"product 99 not found"}'],
    ['11', 404, '{"error":"NO_PROD","msg":"product 11 not found"}'],
    ['12', 410, '{"error":"GONE","msg":"product 12 is no longer sold"}'],
    ['0', 200, '{"error":"BAD_ID"}'],
    ['007', 200, '{"error":"BAD_ID"}'],
    ['7x', 200, '{"error":"BAD_ID"}'],
    ['2147483648', 200, '{"error":"BAD_ID"}'],
  ])('%s: %i', async (id, status, text) => {
    expect(await get(`/api/products/${id}`)).toMatchObject({ status, text });
  });
});

describe('GET /api/search', () => {
  it('puts names that begin with the words first, then searches descriptions too', async () => {
    const { hits, ...rest } = (await get('/api/search?q=%20kn%20')).body;
    expect(rest).toEqual({ q: 'kn', page: 1, count: 3 });
    expect(hits.map((hit: { id: number }) => hit.id)).toEqual([9, 10, 7]);
    const bread = (await get('/api/search?q=br')).body;
    expect(bread.hits[0].id).toBe(10);
    const chef = (await get('/api/search?q=chef')).body;
    expect(chef.hits.map((hit: { id: number }) => hit.id)).toEqual([7]);
  });

  it('takes % _ and \\ literally', async () => {
    expect((await get('/api/search?q=0%25')).body.count).toBe(1);
    expect((await get('/api/search?q=__')).body.count).toBe(0);
    expect((await get('/api/search?q=%5C%5C')).body.count).toBe(0);
  });

  it.each(['?q=k', '', '?q=%20%20k%20', '?q=%00%00'])('hints when %s is too short', async (query) => {
    const q = query.includes('k') ? 'k' : '';
    expect((await get(`/api/search${query}`)).text).toBe(
      `{"q":"${q}","page":1,"count":0,"hits":[],"hint":"type at least 2 characters"}`,
    );
  });

  it('has the true count past the end', async () => {
    expect((await get('/api/search?q=kn&page=5')).body).toEqual({ q: 'kn', page: 5, count: 3, hits: [] });
  });
});

describe('GET /api/categories', () => {
  it('is the tree of active categories by position, with what is below counted', async () => {
    expect((await get('/api/categories')).text).toBe(
      '[{"code":"garden","name":"Garden","path":"garden","count":0,"children":[]},' +
        '{"code":"home","name":"Home","path":"home","count":3,"children":[' +
        '{"code":"kitchen","name":"Kitchen","path":"home/kitchen","count":2,"children":[' +
        '{"code":"knives","name":"Knives","path":"home/kitchen/knives","count":1,"children":[]}]}]}]',
    );
  });

  it('answers one category with its active children', async () => {
    expect((await get('/api/categories/home')).text).toBe(
      '{"category":{"code":"home","name":"Home","path":"home","count":3,"children":[{"code":"kitchen","name":"Kitchen"}]}}',
    );
    expect((await get('/api/categories/older')).body.category).toMatchObject({ code: 'older', count: 1 });
  });

  it.each(['old', 'xyz', 'HOME'])('does not know %s', async (code) => {
    expect(await get(`/api/categories/${code}`)).toMatchObject({
      status: 404,
      text: `{"error":"NO_CAT","msg":"category ${code} not found"}`,
    });
  });
});
