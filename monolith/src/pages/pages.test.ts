import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCategory, addProduct, addUser, startTestShop, type TestShop } from '../testing/test-shop.ts';
import { html, render } from './html.ts';

let shop: TestShop;

const ATTACK = `<script>alert("1")</script>'&`;
const ESCAPED = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;';

beforeAll(async () => {
  shop = await startTestShop();
  const { database } = shop;
  await addUser(database, 'admin@x.example', 'A');
  await addCategory(database, 'home', ATTACK);
  await addProduct(database, {
    prod_id: 7,
    prod_nm: ATTACK,
    prod_dsc: ATTACK,
    brnd_nm: ATTACK,
    attr_txt: `${ATTACK.replace(';', '')}=${ATTACK}`,
    stock: 3,
  });
});

afterAll(() => shop.close());

describe('a template', () => {
  it('escapes everything that is put into it, unless it is HTML itself', () => {
    expect(render(html`<p title="${ATTACK}">${[ATTACK, html`<b>${1}</b>`, null, undefined, false, 0]}</p>`)).toBe(
      `<p title="${ESCAPED}">${ESCAPED}<b>1</b>0</p>`,
    );
  });

  it('is not deceived by data in the shape of HTML', () => {
    const data = JSON.parse('{"markup":"<b>","html":"<b>","Symbol(markup)":"<b>"}');
    expect(render(html`${data}`)).not.toContain('<b>');
  });
});

describe('pages', () => {
  it.each([
    '/',
    '/c/home',
    '/products/7',
    `/search?q=${encodeURIComponent(ATTACK)}`,
    '/admin/products',
    '/admin/products/7',
    '/admin/reviews',
    '/cart',
  ])('%s shows hostile text as text', async (path) => {
    const admin = await shop.loggedIn('admin@x.example');
    await admin.send('POST', '/api/cart/lines', { product_id: 7 });
    await admin.send('POST', '/api/products/7/reviews', { stars: 5, title: ATTACK, text: ATTACK });
    const { status, text, headers } = await admin.get(path);
    expect(status).toBe(200);
    expect(text).not.toContain('<script>alert');
    expect(text).toContain('alert(&quot;1&quot;)');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
  });

  it('say in words that something is not there, with the status', async () => {
    for (const path of ['/nothing', '/c/nowhere', '/products/99', '/products/x', '/images/products/99.svg']) {
      const { status, text } = await shop.visitor().get(path);
      expect([path, status, text.includes('We looked on every shelf')]).toEqual([path, 404, true]);
    }
  });

  it('draw a picture for each product, always the same', async () => {
    const first = await shop.visitor().get('/images/products/7.svg');
    expect(first.headers.get('content-type')).toBe('image/svg+xml; charset=utf-8');
    expect(first.text).toMatch(/^<svg xmlns=.+<\/svg>$/);
    expect((await shop.visitor().get('/images/products/7.svg')).text).toBe(first.text);
  });

  it('take a product from the cart to an order with plain forms', async () => {
    const visitor = await shop.loggedIn('admin@x.example');
    await visitor.form('/cart', { product_id: '7', qty: '1' });
    expect((await visitor.get('/cart')).text).toContain('To the checkout');
    const form = { name: 'A', street: 'B 1', zip: '1', city: 'C', country: 'DE', card: '4242 4242 4242 4242' };
    const declined = await visitor.form('/checkout', { ...form, card: '4000 0000 0000 0002' });
    expect([declined.status, declined.text.includes('the payment failed: card declined')]).toEqual([402, true]);
    const { status, headers } = await visitor.form('/checkout', form);
    expect(status).toBe(303);
    const order = headers.get('location')!;
    expect(order).toMatch(/^\/orders\/O-/);
    expect((await visitor.get(order)).text).toContain('Thank you!');
    expect((await visitor.get('/orders')).text).toContain(order);
    expect((await visitor.form(`/admin${order}`, { status: 'shipped' })).status).toBe(303);
    expect((await visitor.get(`/admin${order}`)).text).toContain('Mark as delivered');
  });
});
