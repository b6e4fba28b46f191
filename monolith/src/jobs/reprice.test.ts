import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { addProduct, startTestShop, type TestShop } from '../testing/test-shop.ts';
import { reprice } from './reprice.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await startTestShop();
  for (const prod_id of [39, 40, 41, 80, 81, 122, 123]) await addProduct(shop.database, { prod_id, prod_prc: '9.99' });
  await addProduct(shop.database, { prod_id: 120, prod_st: 9 });
});

afterAll(() => shop.close());

const prices = async () => {
  const { rows } = await shop.database.pool.query(
    'SELECT prod_id, prod_prc, old_prc FROM prod WHERE prod_id < 100 ORDER BY prod_id',
  );
  return rows.map((row) => [row.prod_id, row.prod_prc, row.old_prc]);
};

it('puts each fortieth product on offer, ends the offers of the run before, and writes the job log', async () => {
  expect(await reprice(shop.database.pool)).toBe(2);
  expect(await prices()).toEqual([
    [39, '9.99', null],
    [40, '8.99', '9.99'],
    [41, '9.99', null],
    [80, '8.99', '9.99'],
    [81, '9.99', null],
  ]);
  expect(await reprice(shop.database.pool)).toBe(4);
  expect(await prices()).toEqual([
    [39, '9.99', null],
    [40, '9.99', null],
    [41, '8.99', '9.99'],
    [80, '9.99', null],
    [81, '8.99', '9.99'],
  ]);
  const log = await shop.database.prisma.job_log.findMany({ orderBy: { job_id: 'asc' } });
  expect(log.map((row) => [row.job_nm, row.rows_n])).toEqual([
    ['reprice', 2],
    ['reprice', 4],
  ]);
});

it('does two runs at once one after the other', async () => {
  const { pool } = shop.database;
  const holder = await pool.connect();
  await holder.query('BEGIN');
  // An offer that the next run has to end: as long as it is held, whichever run is first cannot finish.
  await holder.query('SELECT FROM prod WHERE prod_id = 41 FOR UPDATE');
  const runs = Promise.all([reprice(pool), reprice(pool)]);
  await vi.waitUntil(async () => (await waiting()) === 2, { timeout: 10_000 });
  await holder.query('COMMIT');
  holder.release();
  // One ends two offers and begins one; the other ends that and begins another.
  expect((await runs).sort()).toEqual([2, 3]);
  expect(await shop.database.prisma.job_log.count()).toBe(4);
});

async function waiting(): Promise<number> {
  const { rows } = await shop.database.pool.query(
    "SELECT count(*)::integer AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
  return rows[0].count;
}
