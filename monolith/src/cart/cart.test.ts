import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addProduct, addUser, startTestShop, type TestShop } from '../testing/test-shop.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await startTestShop();
  await addUser(shop.database, 'anna@x.example');
  await addProduct(shop.database, { prod_id: 1, prod_prc: '19.90', stock: 12, prod_nm: "Chef's knife" });
  await addProduct(shop.database, { prod_id: 2, prod_prc: '60.00', stock: 3 });
  await addProduct(shop.database, { prod_id: 3, prod_st: 2, stock: 3 });
});

afterAll(() => shop.close());

const EMPTY = '{"cart":{"lines":[],"count":0,"subtotal":"0.00","shipping":"0.00","total":"0.00"}}';

describe('the cart', () => {
  it('is empty and sets no cookie before anything is put into it', async () => {
    const visitor = shop.visitor();
    expect((await visitor.get('/api/cart')).text).toBe(EMPTY);
    expect(visitor.cookie).toBeUndefined();
  });

  it('works before login, adds up, and answers byte for byte as API.md says', async () => {
    const visitor = shop.visitor();
    const first = await visitor.send('POST', '/api/cart/lines', { product_id: 1 });
    expect(first.status).toBe(201);
    expect(first.headers.getSetCookie()[0]).toMatch(
      /^shop_sid=[\w-]{43}; Path=\/; Expires=.+; HttpOnly; SameSite=Lax$/,
    );
    await visitor.send('POST', '/api/cart/lines', { product_id: 1, qty: '1' });
    expect((await visitor.get('/api/cart')).text).toBe(
      '{"cart":{"lines":[{"product_id":1,"name":"Chef\'s knife","price":"19.90","qty":2,"sum":"39.80",' +
        '"image":"/images/products/1.svg","available":12}],"count":2,"subtotal":"39.80","shipping":"4.90","total":"44.70"}}',
    );
    expect((await shop.visitor().get('/api/cart')).text).toBe(EMPTY);
  });

  it('delivers for nothing from 50 euros', async () => {
    const { body } = await shop.visitor().send('POST', '/api/cart/lines', { product_id: 2 });
    expect(body.cart).toMatchObject({ subtotal: '60.00', shipping: '0.00', total: '60.00' });
  });

  it('refuses more than there is, and what is not sold', async () => {
    const visitor = shop.visitor();
    await visitor.send('POST', '/api/cart/lines', { product_id: 2, qty: 2 });
    const more = await visitor.send('POST', '/api/cart/lines', { product_id: 2, qty: 2 });
    expect([more.status, more.body]).toEqual([409, { error: 'NO_STOCK', available: 3 }]);
    expect((await visitor.send('POST', '/api/cart/lines', { product_id: 3 })).body.error).toBe('NO_PROD');
    expect((await visitor.send('POST', '/api/cart/lines', { product_id: 1, qty: 0 })).body.fields).toEqual({
      qty: 'must be a whole number from 1 to 99',
    });
  });

  it('changes and removes lines', async () => {
    const visitor = shop.visitor();
    expect((await visitor.send('PATCH', '/api/cart/lines/1', { qty: 1 })).body).toEqual({ error: 'NO_LINE' });
    await visitor.send('POST', '/api/cart/lines', { product_id: 1 });
    await visitor.send('POST', '/api/cart/lines', { product_id: 2 });
    expect((await visitor.send('PATCH', '/api/cart/lines/1', { qty: 5 })).body.cart.count).toBe(6);
    expect((await visitor.send('PATCH', '/api/cart/lines/1', { qty: 13 })).body).toEqual({
      error: 'NO_STOCK',
      available: 12,
    });
    expect((await visitor.send('PATCH', '/api/cart/lines/1', { qty: 0 })).body.cart.count).toBe(1);
    expect((await visitor.send('DELETE', '/api/cart/lines/2')).text).toBe(EMPTY);
    expect((await visitor.send('DELETE', '/api/cart/lines/2')).status).toBe(200);
  });

  it('is added to the user’s own at login', async () => {
    const before = await shop.loggedIn('anna@x.example');
    await before.send('POST', '/api/cart/lines', { product_id: 1, qty: 1 });
    const visitor = shop.visitor();
    await visitor.send('POST', '/api/cart/lines', { product_id: 1, qty: 2 });
    await visitor.send('POST', '/api/cart/lines', { product_id: 2, qty: 1 });
    await visitor.send('POST', '/api/login', { email: 'Anna@X.example', password: 'secret' });
    const { lines } = (await visitor.get('/api/cart')).body.cart;
    expect(lines.map((line: { product_id: number; qty: number }) => [line.product_id, line.qty])).toEqual([
      [1, 3],
      [2, 1],
    ]);
  });
});
