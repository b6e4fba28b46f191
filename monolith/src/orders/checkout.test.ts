import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addProduct, addUser, startTestShop, type TestShop, type Visitor } from '../testing/test-shop.ts';

let shop: TestShop;
let admin: Visitor;
let product = 0;

const FORM = {
  name: 'Anna Berger',
  street: 'Lindenallee 7',
  zip: '10115',
  city: 'Berlin',
  country: 'DE',
  card: '4242 4242 4242 4242',
};

beforeAll(async () => {
  shop = await startTestShop();
  await addUser(shop.database, 'admin@x.example', 'A');
  await addUser(shop.database, 'anna@x.example');
  admin = await shop.loggedIn('admin@x.example');
});

beforeEach(async () => {
  product += 1;
  await addProduct(shop.database, { prod_id: product, prod_nm: `Thing ${product}`, prod_prc: '19.90', stock: 5 });
  await shop.database.prisma.crt_ln.deleteMany();
});

afterAll(() => shop.close());

async function withCart(qty: number, email = 'anna@x.example'): Promise<Visitor> {
  const visitor = await shop.loggedIn(email);
  await visitor.send('POST', '/api/cart/lines', { product_id: product, qty });
  return visitor;
}

const stock = () =>
  shop.database.prisma.inv.findUniqueOrThrow({ where: { prod_id: product }, select: { qty_oh: true, qty_rsv: true } });
const newestMessage = () => shop.database.prisma.ntf.findFirstOrThrow({ orderBy: { ntf_id: 'desc' } });

describe('checkout', () => {
  it('takes the money, reserves the stock, asks for a parcel, writes an e-mail and empties the cart', async () => {
    const anna = await withCart(2);
    const { status, body } = await anna.send('POST', '/api/checkout', FORM);
    expect([status, body]).toEqual([201, { ok: 1, order: expect.stringMatching(/^O-20\d\d-\d{6}$/) }]);
    expect((await anna.get(`/api/orders/${body.order}`)).text).toBe(
      `{"order":{"number":"${body.order}","status":"paid","created":"${new Date().toISOString().slice(0, 10)}${(await created(body.order)).slice(10)}",` +
        '"address":"Anna Berger\\nLindenallee 7\\n10115 Berlin\\nDE",' +
        `"lines":[{"product_id":${product},"name":"Thing ${product}","qty":2,"price":"19.90","sum":"39.80"}],` +
        '"shipping":"4.90","total":"44.70","payment":"captured","tracking":null}}',
    );
    expect(await stock()).toEqual({ qty_oh: 5, qty_rsv: 2 });
    expect((await newestMessage()).sbj).toBe(`Your order ${body.order}`);
    expect((await anna.get('/api/cart')).body.cart.count).toBe(0);
  });

  it('keeps the order and the cart when the card is declined, and reserves nothing', async () => {
    const anna = await withCart(2);
    const { status, body } = await anna.send('POST', '/api/checkout', { ...FORM, card: '4000000000000002' });
    expect([status, body]).toEqual([200, { ok: 0, error: 'PAYMENT', msg: 'card declined', order: expect.any(String) }]);
    expect((await anna.get(`/api/orders/${body.order}`)).body.order).toMatchObject({
      status: 'payment_failed',
      payment: 'failed',
    });
    expect(await stock()).toEqual({ qty_oh: 5, qty_rsv: 0 });
    expect((await anna.get('/api/cart')).body.cart.count).toBe(2);
    expect((await newestMessage()).sbj).toBe(`Payment for ${body.order} failed`);
  });

  it('refuses an empty cart, strangers and forms that are not filled in', async () => {
    const anna = await shop.loggedIn('anna@x.example');
    expect(await anna.send('POST', '/api/checkout', FORM)).toMatchObject({
      status: 409,
      text: '{"error":"EMPTY_CART"}',
    });
    expect(await shop.visitor().send('POST', '/api/checkout', FORM)).toMatchObject({
      status: 401,
      text: '{"error":"LOGIN"}',
    });
    const { body } = await anna.send('POST', '/api/checkout', { ...FORM, card: '1', country: 'de', name: '' });
    expect(body.fields).toEqual({
      name: 'must be 1 to 80 characters',
      country: 'must be two capital letters',
      card: 'must have 12 to 19 digits',
    });
  });

  it('never sells more than there is, however many want it at once', async () => {
    const visitors = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const email = `crowd${product}-${n}@x.example`;
        await addUser(shop.database, email);
        return withCart(1, email);
      }),
    );
    const answers = await Promise.all(visitors.map((visitor) => visitor.send('POST', '/api/checkout', FORM)));
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(5);
    const refused = answers.filter((answer) => answer.status === 409);
    expect(refused.map((answer) => answer.body)).toEqual(
      Array(3).fill({ error: 'NO_STOCK', product_id: product, available: 0 }),
    );
    expect(await stock()).toEqual({ qty_oh: 5, qty_rsv: 5 });
  });

  it('is one order however often the button is pressed', async () => {
    const anna = await withCart(1);
    const answers = await Promise.all([1, 2, 3].map(() => anna.send('POST', '/api/checkout', FORM)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409]);
    expect(await stock()).toEqual({ qty_oh: 5, qty_rsv: 1 });
  });

  it('fails the same orders each time at a given failure rate', async () => {
    const { charge } = await import('../payments/provider.ts');
    const fates = (rate: number) =>
      Array.from({ length: 400 }, (_, n) => charge(`O-2026-${n}`, '4242424242424242', rate).ok);
    expect(fates(0)).not.toContain(false);
    expect(fates(1)).not.toContain(true);
    const failed = fates(0.25).filter((ok) => !ok).length;
    expect(failed).toBeGreaterThan(60);
    expect(failed).toBeLessThan(140);
    expect(fates(0.25)).toEqual(fates(0.25));
  });
});

describe('an order', () => {
  it('is seen by its user and administrators only', async () => {
    const { order } = (await (await withCart(1)).send('POST', '/api/checkout', FORM)).body;
    await addUser(shop.database, 'other@x.example');
    const other = await shop.loggedIn('other@x.example');
    expect(await other.get(`/api/orders/${order}`)).toMatchObject({ status: 404, text: '{"error":"NO_ORDER"}' });
    expect((await admin.get(`/api/orders/${order}`)).status).toBe(200);
    expect((await other.get('/api/orders')).text).toBe('{"page":1,"count":0,"orders":[]}');
    const mine = (await (await shop.loggedIn('anna@x.example')).get('/api/orders')).body.orders[0];
    expect(Object.keys(mine)).toEqual(['number', 'status', 'total', 'items', 'created']);
    expect(mine).toMatchObject({ number: order, status: 'paid', total: '24.80', items: 1 });
  });

  it('takes its stock when it is shipped, and has a number to follow', async () => {
    const { order } = (await (await withCart(2)).send('POST', '/api/checkout', FORM)).body;
    const change = (status: string) => admin.send('PATCH', `/api/admin/orders/${order}`, { status });
    expect((await change('delivered')).body).toEqual({ error: 'BAD_STATUS', from: 'paid' });
    expect((await change('shipped')).body.order).toMatchObject({
      status: 'shipped',
      tracking: expect.stringMatching(/^00\d+$/),
    });
    expect(await stock()).toEqual({ qty_oh: 3, qty_rsv: 0 });
    expect((await change('delivered')).body.order.status).toBe('delivered');
    expect((await change('cancelled')).status).toBe(409);
  });

  it('gives its stock and its money back when it is cancelled', async () => {
    const { order } = (await (await withCart(2)).send('POST', '/api/checkout', FORM)).body;
    const { body } = await admin.send('PATCH', `/api/admin/orders/${order}`, { status: 'cancelled' });
    expect(body.order).toMatchObject({ status: 'cancelled', payment: 'refunded' });
    expect(await stock()).toEqual({ qty_oh: 5, qty_rsv: 0 });
  });
});

async function created(order: string): Promise<string> {
  return (await admin.get(`/api/orders/${order}`)).body.order.created;
}
