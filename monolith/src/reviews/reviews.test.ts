import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addProduct, addUser, startTestShop, type TestShop } from '../testing/test-shop.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await startTestShop();
  await addUser(shop.database, 'admin@x.example', 'A');
  await addUser(shop.database, 'anna@x.example');
  await addProduct(shop.database, { prod_id: 7 });
});

afterAll(() => shop.close());

const rating = async () => {
  const { product } = (await shop.visitor().get('/api/products/7')).body;
  return [product.rating, product.review_count];
};

describe('reviews', () => {
  it('move the product’s average, by the trigger', async () => {
    const anna = await shop.loggedIn('anna@x.example');
    const admin = await shop.loggedIn('admin@x.example');
    expect(await rating()).toEqual(['0.00', 0]);
    const first = await anna.send('POST', '/api/products/7/reviews', { stars: 4, title: ' Good ', text: 'Really.' });
    expect([first.status, first.body]).toEqual([201, { ok: 1, id: expect.any(Number) }]);
    await admin.send('POST', '/api/products/7/reviews', { stars: 1, title: 'Bad' });
    expect(await rating()).toEqual(['2.50', 2]);
    expect((await admin.send('PATCH', `/api/admin/reviews/${first.body.id}`, { status: 'hidden' })).body).toEqual({
      ok: 1,
    });
    expect(await rating()).toEqual(['1.00', 1]);
    await admin.send('PATCH', `/api/admin/reviews/${first.body.id}`, { status: 'published' });
    expect(await rating()).toEqual(['2.50', 2]);
    await shop.database.pool.query('DELETE FROM rvw WHERE strs = 1');
    expect(await rating()).toEqual(['4.00', 1]);
  });

  it('are listed with the author’s last name cut short', async () => {
    const { body } = await shop.visitor().get('/api/products/7/reviews');
    const review = {
      id: expect.any(Number),
      stars: 4,
      title: 'Good',
      text: 'Really.',
      author: 'Anna B.',
      created: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    };
    expect(body).toEqual({ page: 1, count: 1, reviews: [review] });
    expect((await shop.visitor().get('/api/products/8/reviews')).status).toBe(404);
  });

  it('are one for each user and product, by those who have logged in', async () => {
    const anna = await shop.loggedIn('anna@x.example');
    const review = { stars: 5, title: 'Again' };
    expect(await anna.send('POST', '/api/products/7/reviews', review)).toMatchObject({
      status: 409,
      text: '{"error":"DUP_REVIEW"}',
    });
    expect((await shop.visitor().send('POST', '/api/products/7/reviews', review)).body).toEqual({ error: 'LOGIN' });
    const { body } = await anna.send('POST', '/api/products/7/reviews', { stars: 6, title: '' });
    expect(body.fields).toEqual({ stars: 'must be a whole number from 1 to 5', title: 'must be 1 to 120 characters' });
    expect((await anna.send('PATCH', '/api/admin/reviews/1', { status: 'hidden' })).status).toBe(403);
  });
});
