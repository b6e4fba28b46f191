import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { fence } from './ownership.ts';
import { CAPABILITY, mover, stateOf, untilWaiting, useGuarded } from './testing/guarded.ts';

const shop = useGuarded('CREATE TABLE item (id int PRIMARY KEY, price int NOT NULL); CREATE TABLE other (id int)');
const owner = mover(shop);

const WRITE = 'UPDATE item SET price = price + 1';
const price = async () => (await shop.admin.query('SELECT price FROM item')).rows[0].price;

beforeEach(async () => {
  // The superuser's writes pass the guard like anybody's: the side is open here.
  await shop.admin.query('DELETE FROM item; INSERT INTO item VALUES (1, 1)');
});

describe('a transaction that read before the fence and writes after it', () => {
  test.each([
    ['READ COMMITTED', 'ST002'],
    ['READ UNCOMMITTED', 'ST002'],
    ['REPEATABLE READ', '40001'],
    ['SERIALIZABLE', '40001'],
  ])('%s: is refused with %s', async (level, state) => {
    const app = await shop.session();
    await app.query(`BEGIN ISOLATION LEVEL ${level}`);
    await app.query('SELECT * FROM item');
    const attempt = await owner.fence();
    expect(await stateOf(app.query(WRITE))).toBe(state);
    await app.query('ROLLBACK');
    await owner.undo(attempt);
    expect(await price()).toBe(1);
  });

  test.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])(
    '%s: is refused on a closed side too, and again while it retries',
    async (level) => {
      const app = await shop.session();
      await app.query(`BEGIN ISOLATION LEVEL ${level}`);
      await app.query('SELECT * FROM item');
      await owner.close();
      expect(await stateOf(app.query(WRITE))).toBe(level === 'READ COMMITTED' ? 'ST001' : '40001');
      await app.query('ROLLBACK');
      await app.query(`BEGIN ISOLATION LEVEL ${level}`);
      expect(await stateOf(app.query(WRITE))).toBe('ST001');
      await app.query('ROLLBACK');
      await owner.open();
      expect(await price()).toBe(1);
    },
  );
});

test('a statement that waits for the fence sees what the fence did, although its own snapshot is older', async () => {
  const [app, fencing] = [await shop.session(), await shop.session('admin')];
  await fencing.query('BEGIN');
  await fencing.query(`SELECT strangler.guard_fence('catalog', ${owner.epoch}, $1, '1 min')`, [randomUUID()]);
  const refused = stateOf(app.query(WRITE));
  await untilWaiting(shop, app);
  await fencing.query('COMMIT');
  expect(await refused).toBe('ST002');
  const { rows } = await shop.admin.query('SELECT attempt FROM strangler.guard');
  await owner.undo({ capability: CAPABILITY, epoch: owner.epoch, attempt: rows[0].attempt });
});

test('a fence waits for a statement that is under way, not for one that has not written', async () => {
  const [writing, reading] = [await shop.session(), await shop.session()];
  await reading.query('BEGIN');
  await reading.query('SELECT * FROM item');
  await writing.query('BEGIN');
  const statement = writing.query('UPDATE item SET price = price + 1 WHERE pg_sleep(1.5) IS NOT NULL');
  await untilWaiting(shop, writing, 'Timeout');
  expect(
    await stateOf(fence(shop.query, { capability: CAPABILITY, epoch: owner.epoch, attempt: randomUUID() }, 9_000)),
  ).toBe('55P03');
  await statement;
  expect(await price(), 'nobody else sees it yet').toBe(1);
  expect(
    await stateOf(fence(shop.query, { capability: CAPABILITY, epoch: owner.epoch, attempt: randomUUID() }, 9_000)),
    'the transaction has not ended',
  ).toBe('55P03');
  await writing.query('COMMIT');
  const attempt = await owner.fence();
  expect(await price(), 'what was written before the fence counts').toBe(2);
  await owner.undo(attempt);
  await reading.query('COMMIT');
});

test('a transaction that began before this side opened may not write, so that it overwrites nothing that it has not read', async () => {
  await owner.close();
  const job = await shop.session();
  await job.query('BEGIN');
  const { rows } = await job.query('SELECT price FROM item');
  // Meanwhile the other side writes, and the sync brings it here.
  const sync = await shop.session('sync');
  await sync.query('UPDATE item SET price = 7');
  await owner.open();
  expect(await stateOf(job.query('UPDATE item SET price = $1', [rows[0].price * 2]))).toBe('40001');
  await job.query('ROLLBACK');
  await job.query('BEGIN');
  await job.query('UPDATE item SET price = price * 2');
  await job.query('COMMIT');
  expect(await price()).toBe(14);
});

test('without a change of the owner no transaction is failed, at any isolation level', async () => {
  await shop.admin.query('INSERT INTO item SELECT i, 0 FROM generate_series(100, 140) i');
  const workflow = await shop.session('workflow');
  const rounds = 25;
  const writer = async (id: number, level: string) => {
    const app = await shop.session();
    for (let round = 0; round < rounds; round++) {
      await app.query(`BEGIN ISOLATION LEVEL ${level}`);
      // Each writer has a table row of its own, so whatever fails is the guard's doing. (SERIALIZABLE reads by key.)
      await app.query('UPDATE item SET price = price + 1 WHERE id = $1', [id]);
      await app.query('COMMIT');
    }
  };
  const watching = (async () => {
    for (let round = 0; round < rounds; round++) {
      await workflow.query(`SELECT * FROM strangler.guard_status('catalog'), strangler.guard_faults('catalog')`);
      await workflow.query(`SELECT strangler.guard_probe('catalog', gen_random_uuid())`);
    }
  })();
  await Promise.all([
    watching,
    ...Array.from({ length: 4 }, (_, index) => writer(100 + index, 'REPEATABLE READ')),
    ...Array.from({ length: 4 }, (_, index) => writer(120 + index, 'READ COMMITTED')),
  ]);
  const { rows } = await shop.admin.query('SELECT sum(price)::int AS sum FROM item WHERE id >= 100');
  expect(rows[0].sum).toBe(8 * rounds);
});

test('a transaction that writes only other tables does not hold up a fence', async () => {
  const app = await shop.session();
  await app.query('BEGIN');
  await app.query('INSERT INTO other VALUES (1)');
  await owner.undo(await owner.fence());
  await app.query('COMMIT');
});

test('under REPEATABLE READ the row is locked: a fence that could not wait for the writer would fail it', async () => {
  const app = await shop.session();
  await app.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await app.query(WRITE);
  const { rows } = await shop.admin.query(
    `SELECT strangler.guard_blockers('catalog', '0 s')::text AS blocker, (SELECT xmax <> 0 FROM strangler.guard) AS locked`,
  );
  expect(rows).toEqual([expect.objectContaining({ locked: true, blocker: expect.stringMatching(/,t\)$/) })]);
  await app.query('ROLLBACK');
});
