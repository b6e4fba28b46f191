import { integer, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import { embeddedTest } from './testing/engine.ts';
import { createStores, rowsOf, type Stores, until, untilCaughtUp, untilState } from './testing/stores.ts';

const tables = [rows({ source: 'item', target: 'item', key: { id: integer('id') }, columns: { name: text('name') } })];
const ITEM = 'CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL)';

let stores: Stores;
afterEach(() => stores.end());

/** The process id of a session. */
async function pidOf(client: Stores['source']): Promise<number> {
  return (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
}

test('an insert that was logged before the delete it waited for is applied after it', async () => {
  stores = await createStores(`${ITEM}; INSERT INTO item VALUES (7, 'old')`, ITEM);
  await untilState(stores.start(tables), 'streaming');
  const [first, second] = [await stores.session('source'), await stores.session('source')];

  await first.query('BEGIN');
  await first.query('DELETE FROM item WHERE id = 7');
  // The heap row is logged at once, then the unique check waits for the first transaction.
  const inserted = second.query("INSERT INTO item VALUES (7, 'new')");
  const waiting = await pidOf(first).then((blocker) => ({ blocker }));
  await until('the insert waits', async () => {
    const { rows } = await stores.source.query(
      `SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)) AND query LIKE 'INSERT%'`,
      [waiting.blocker],
    );
    return rows.length === 1;
  });
  // This delete's LSN is higher than the waiting insert's, and its transaction commits first.
  await first.query("INSERT INTO item VALUES (7, 'between')");
  await first.query('DELETE FROM item WHERE id = 7');
  await first.query('COMMIT');
  await inserted;

  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toEqual([{ id: 7, name: 'new' }]);
});

test('an update from before the snapshot, of a transaction that was open then, is not lost', async () => {
  stores = await createStores(`${ITEM}; INSERT INTO item VALUES (1, 'a'), (2, 'old')`, ITEM);
  const [oldest, older, open] = [
    await stores.session('source'),
    await stores.session('source'),
    await stores.session('source'),
  ];
  const begin = async (client: Stores['source']) => {
    await client.query('BEGIN');
    return (await client.query('SELECT pg_current_xact_id()::text AS xid')).rows[0].xid as string;
  };
  /** Creating the slot waits, one after the other, for the transactions that run. */
  const untilSlotWaitsFor = (xid: string) =>
    until(`the slot waits for transaction ${xid}`, async () => {
      const { rows } = await stores.source.query(
        `SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE NOT l.granted AND l.locktype = 'transactionid' AND l.transactionid::text = $1 AND a.application_name = $2`,
        [xid, stores.slot],
      );
      return rows.length === 1;
    });

  const oldestXid = await begin(oldest);
  const stream = stores.start(tables);
  await untilSlotWaitsFor(oldestXid);
  const olderXid = await begin(older);
  await oldest.query('COMMIT');
  await untilSlotWaitsFor(olderXid);
  await begin(open);
  await open.query("UPDATE item SET name = 'new' WHERE id = 2");
  await older.query('COMMIT');

  await untilState(stream, 'streaming');
  expect(await rowsOf(stores.target, 'item')).toEqual([
    { id: 1, name: 'a' },
    { id: 2, name: 'old' },
  ]);
  await open.query('COMMIT');
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toEqual([
    { id: 1, name: 'a' },
    { id: 2, name: 'new' },
  ]);
});

embeddedTest(
  'what is received and not yet durable in the target is never acknowledged, whatever keepalives say',
  async () => {
    stores = await createStores(ITEM, ITEM);
    const stream = stores.start(tables, { heartbeatMs: 20, idleMs: 20 });
    await untilState(stream, 'streaming');
    await stores.source.query("INSERT INTO item VALUES (1, 'applied')");
    await untilCaughtUp(stores);

    const blocker = await stores.session('target');
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE item IN ACCESS EXCLUSIVE MODE');
    await stores.source.query("INSERT INTO item VALUES (2, 'held up')");
    const { rows: end } = await stores.source.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    await until('the insert is held up in the target', async () => {
      const { rows } = await stores.target.query(
        `SELECT FROM pg_locks WHERE NOT granted AND relation = 'item'::regclass`,
      );
      return rows.length === 1;
    });
    // Heartbeats and keepalives go on meanwhile.
    await until('log is written beyond the insert', async () => {
      const { rows } = await stores.source.query(`SELECT pg_current_wal_lsn() - $1::pg_lsn > 2000 AS beyond`, [
        end[0].lsn,
      ]);
      return rows[0].beyond;
    });
    const confirmed = async () =>
      (
        await stores.source.query(
          'SELECT confirmed_flush_lsn >= $2::pg_lsn AS beyond FROM pg_replication_slots WHERE slot_name = $1',
          [stores.slot, end[0].lsn],
        )
      ).rows[0].beyond;
    expect(await confirmed()).toBe(false);
    expect(stream.monitor.status().lag_seconds).toBeGreaterThan(0);

    await blocker.query('COMMIT');
    await until('the insert is acknowledged', confirmed);
    expect(await rowsOf(stores.target, 'item')).toHaveLength(2);
  },
);
