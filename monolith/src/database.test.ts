import { afterAll, beforeAll, expect, test } from 'vitest';
import { addProduct, startTestShop, type TestShop } from './testing/test-shop.ts';

let shop: TestShop;

beforeAll(async () => {
  shop = await startTestShop();
  await addProduct(shop.database, { prod_id: 1, prod_prc: '9.99' });
  await shop.database.pool.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION USING ERRCODE = TG_ARGV[0], MESSAGE = 'not now', HINT = 'Later.'; END $$`);
});

afterAll(() => shop.close());

/** A statement trigger of somebody else refuses every update of a product. */
async function refusing(code: string, work: () => Promise<void>): Promise<void> {
  const { pool } = shop.database;
  await pool.query(`CREATE TRIGGER refuse BEFORE UPDATE ON prod FOR EACH STATEMENT EXECUTE FUNCTION refuse('${code}')`);
  try {
    await work();
  } finally {
    await pool.query('DROP TRIGGER refuse ON prod');
  }
}

const error = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (failed) => failed,
  );
const update = () => shop.database.prisma.prod.update({ where: { prod_id: 1 }, data: { img_no: 2 } });

test('a SQLSTATE that Prisma does not know comes through it as P2039, or P2010, with the code itself in meta', async () => {
  const { prisma } = shop.database;
  await refusing('ST001', async () => {
    const refused = await error(update());
    expect(refused).toMatchObject({ code: 'P2039' });
    expect(JSON.stringify(refused.meta)).toContain('ST001');
    const raw = await error(prisma.$executeRaw`UPDATE prod SET img_no = 2`);
    expect(raw).toMatchObject({ code: 'P2010' });
    expect(JSON.stringify(raw.meta)).toContain('ST001');
    const inside = await error(
      prisma.$transaction(async (tx) => tx.prod.update({ where: { prod_id: 1 }, data: { img_no: 2 } })),
    );
    expect(inside).toMatchObject({ code: 'P2039' });
  });
});

test('a serialization failure of another is P2034, which says that the transaction can be tried again', async () => {
  await refusing('40001', async () => {
    expect(await error(update())).toMatchObject({ code: 'P2034' });
  });
});

test('the pool survives any number of refusals: no connection is lost, and the next write is done', async () => {
  await refusing('ST002', async () => {
    const all = await Promise.all(Array.from({ length: 30 }, () => error(update())));
    expect(all.every(({ code }) => code === 'P2039')).toBe(true);
  });
  await update();
  expect((await shop.database.prisma.prod.findUniqueOrThrow({ where: { prod_id: 1 } })).img_no).toBe(2);
  const { totalCount, idleCount } = shop.database.pool;
  expect(idleCount, 'every connection is back').toBe(totalCount);
});
