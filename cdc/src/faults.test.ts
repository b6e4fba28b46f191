import { cents, integer, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import { embeddedTest } from './testing/engine.ts';
import {
  createStores,
  type RunningStream,
  rowsOf,
  type Stores,
  until,
  untilCaughtUp,
  untilState,
} from './testing/stores.ts';

const ITEM = 'CREATE TABLE item (id integer PRIMARY KEY, name text)';
const items = rows({ source: 'item', target: 'item', key: { id: integer('id') }, columns: { name: text('name') } });

/** So that the first event which cannot be applied stops the stream. */
const PARK_NOTHING = { deadLettersMax: 0 };

let stores: Stores;
afterEach(() => stores.end());

function untilStopped(stream: RunningStream, code: string) {
  return until(`the stream stops with ${code}, not ${JSON.stringify(stream.monitor.status())}`, () => {
    const { state, reason } = stream.monitor.status();
    return state === 'stopped' && reason?.code === code && reason;
  });
}

test('a walsender that is ended is followed by another, and nothing is missing', async () => {
  stores = await createStores(ITEM, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  for (let n = 1; n <= 3; n++) {
    await stores.source.query(`INSERT INTO item SELECT x, 'x' FROM generate_series(${n}000, ${n}999) x`);
    await stores.source.query(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
      [stores.slot],
    );
    await untilCaughtUp(stores);
  }
  expect(await rowsOf(stores.target, 'item')).toHaveLength(3_000);
});

test('a target session that is ended in the middle of a batch leaves nothing behind, and it is applied again', async () => {
  stores = await createStores(ITEM, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  const blocker = await stores.session('target');
  await blocker.query('BEGIN; LOCK TABLE item IN EXCLUSIVE MODE');
  await stores.source.query("INSERT INTO item VALUES (1, 'a')");
  const victim = await until('the batch waits', async () => {
    const { rows } = await stores.target.query(
      `SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'item'::regclass`,
    );
    return rows[0]?.pid;
  });
  await stores.target.query('SELECT pg_terminate_backend($1)', [victim]);
  await until('the session is gone', async () => {
    return (await stores.target.query('SELECT FROM pg_stat_activity WHERE pid = $1', [victim])).rowCount === 0;
  });
  await blocker.query('COMMIT');
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toEqual([{ id: 1, name: 'a' }]);
});

embeddedTest(
  'while the target holds everything up, the socket is paused and the source still hears from it',
  async () => {
    stores = await createStores(ITEM, ITEM);
    const { rows: database } = await stores.source.query('SELECT quote_ident(current_database()) AS name');
    await stores.source.query(`ALTER DATABASE ${database[0].name} SET wal_sender_timeout = '400ms'`);
    await untilState(stores.start([items], { queueBytesMax: 32 * 1024 }), 'streaming');
    const sender = async () => {
      const { rows } = await stores.source.query(
        `SELECT pid, extract(epoch FROM reply_time)::float8 AS replied_at FROM pg_stat_replication
       WHERE application_name = $1 AND state <> 'backup'`,
        [stores.slot],
      );
      return rows[0] as { pid: number; replied_at: number } | undefined;
    };
    const blocker = await stores.session('target');
    await blocker.query('BEGIN; LOCK TABLE item IN EXCLUSIVE MODE');
    await stores.source.query("INSERT INTO item SELECT n, repeat('x', 500) FROM generate_series(1, 40000) n");
    const first = await until('the source has heard from it', sender);
    const last = await until('the source has heard from it for several time-outs', async () => {
      const now = await sender();
      return now && (now.pid !== first.pid || now.replied_at > first.replied_at + 1.5) && now;
    });
    expect(last.pid).toBe(first.pid);
    await blocker.query('COMMIT');
    await untilCaughtUp(stores);
    expect(await rowsOf(stores.target, 'item')).toHaveLength(40_000);
  },
);

test('a second instance waits, and takes over when the first ends', async () => {
  stores = await createStores(ITEM, ITEM);
  const first = stores.start([items]);
  await untilState(first, 'streaming');
  const second = stores.start([items]);
  await untilState(second, 'waiting');
  await stores.source.query("INSERT INTO item VALUES (1, 'by the first')");
  await untilCaughtUp(stores);
  expect(second.monitor.status().rows_applied).toBe(0);
  await first.stop();
  await untilState(second, 'streaming');
  await stores.source.query("INSERT INTO item VALUES (2, 'by the second')");
  await untilCaughtUp(stores);
  expect(second.monitor.status().rows_applied).toBe(1);
  expect(await rowsOf(stores.target, 'item')).toHaveLength(2);
});

test('an instance that was fenced off commits nothing', async () => {
  stores = await createStores(ITEM, ITEM);
  const stream = stores.start([items], { idleMs: 3_600_000 });
  await untilState(stream, 'streaming');
  const before = stream.monitor.status().position;
  await stores.target.query('UPDATE strangler.stream SET fence = fence + 1');
  await stores.source.query("INSERT INTO item VALUES (1, 'a')");
  // It loses, begins again with a fence of its own, and applies the row once.
  await until('the row is applied', () => stream.monitor.status().position !== before);
  expect((await stores.target.query('SELECT fence::int AS fence FROM strangler.stream')).rows).toEqual([{ fence: 3 }]);
  expect(await rowsOf(stores.target, 'item')).toHaveLength(1);
});

test('a slot that is dropped stops the stream for good, with what to do', async () => {
  stores = await createStores(ITEM, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  await until('the slot can be dropped', async () => {
    await stores.source.query(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
      [stores.slot],
    );
    return stores.source.query('SELECT pg_drop_replication_slot($1)', [stores.slot]).then(
      () => true,
      () => false,
    );
  });
  const reason = await untilStopped(stream, 'slot-missing');
  expect(reason.what).toContain(stores.slot);
  expect(reason.fix).toContain('begin afresh');
  // What the source does now is unknown: the lag is not 0.
  expect(stream.monitor.status()).toMatchObject({ lag_bytes: null });
  await until('the lag grows', () => (stream.monitor.status().lag_seconds ?? 0) > 0);
  const slots = await stores.source.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [stores.slot]);
  expect(slots.rowCount).toBe(0);
});

embeddedTest('a slot that someone else has moved on stops the stream', async () => {
  stores = await createStores(ITEM, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  await stream.stop();
  await stores.source.query("INSERT INTO item VALUES (1, 'a')");
  await until('the server has let go of the slot', async () => {
    const { rows } = await stores.source.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [
      stores.slot,
    ]);
    return !rows[0].active;
  });
  await stores.source.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [stores.slot]);
  await untilStopped(stores.start([items]), 'slot-ahead');
});

test('a publication that was dropped stops the stream, also when it is there again', async () => {
  stores = await createStores(ITEM, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  await stores.source.query(`DROP PUBLICATION ${stores.slot}; INSERT INTO item VALUES (1, 'a')`);
  await untilStopped(stream, 'publication-changed');
  await stream.stop();
  await stores.source.query(`CREATE PUBLICATION ${stores.slot} FOR TABLE item`);
  const reason = await untilStopped(stores.start([items]), 'publication-changed');
  expect(reason.what).toContain('made anew');
});

test('a source of another history stops the stream', async () => {
  stores = await createStores(ITEM, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  await stream.stop();
  await stores.target.query("UPDATE strangler.stream SET system_identifier = '1'");
  await untilStopped(stores.start([items]), 'other-history');
});

test('a target that is not empty is not loaded over; once it is empty, the load begins', async () => {
  stores = await createStores(
    `${ITEM}; INSERT INTO item VALUES (1, 'theirs')`,
    `${ITEM}; INSERT INTO item VALUES (2, 'mine')`,
  );
  const stream = stores.start([items]);
  const reason = await untilStopped(stream, 'target-not-empty');
  expect(reason.what).toContain('public.item');
  await stores.target.query('TRUNCATE item');
  await untilState(stream, 'streaming');
  expect(await rowsOf(stores.target, 'item')).toEqual([{ id: 1, name: 'theirs' }]);
});

test('a table that is declared after the load is refused', async () => {
  const two = `${ITEM}; CREATE TABLE part (id integer PRIMARY KEY)`;
  stores = await createStores(two, two);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  await stream.stop();
  const parts = rows({ source: 'part', target: 'part', key: { id: integer('id') }, columns: {} });
  const reason = await untilStopped(stores.start([items, parts]), 'tables-added');
  expect(reason.what).toContain('public.part');
});

test('tables that do not fit the declaration are refused with every fault at once', async () => {
  stores = await createStores(ITEM, 'CREATE TABLE item (id integer PRIMARY KEY, name integer, more text NOT NULL)');
  const reason = await untilStopped(stores.start([items]), 'declaration');
  expect(reason.what).toMatch(/name[\s\S]*more|more[\s\S]*name/);
});

test('a value that the mapping cannot carry stops the stream, names the event, and lets it go on once it is mended', async () => {
  stores = await createStores(
    'CREATE TABLE item (id integer PRIMARY KEY, price numeric(10,2))',
    'CREATE TABLE item (id integer PRIMARY KEY, price bigint)',
  );
  const priced = rows({
    source: 'item',
    target: 'item',
    key: { id: integer('id') },
    columns: { price: cents('price') },
  });
  let mended = false;
  const [price] = priced.columns;
  const codec = {
    ...price!.codec,
    forward: (value: string) => (value === 'NaN' && mended ? '0' : price!.codec.forward(value)),
  };
  const stream = stores.start([{ ...priced, columns: [{ ...price!, codec }] }], PARK_NOTHING);
  await untilState(stream, 'streaming');
  await stores.source.query(
    "INSERT INTO item VALUES (1, 1.5); BEGIN; INSERT INTO item VALUES (2, 2); INSERT INTO item VALUES (3, 'NaN'); COMMIT",
  );
  const reason = await untilStopped(stream, 'mapping');
  expect(reason.what).toContain('public.item (id=3)');
  // The whole transaction waits, with nothing of it acknowledged.
  expect(await rowsOf(stores.target, 'item')).not.toContainEqual({ id: 2, price: 200 });
  mended = true;
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toEqual([
    { id: 1, price: 150 },
    { id: 2, price: 200 },
    { id: 3, price: 0 },
  ]);
});

test('a row that the target refuses is named exactly, though it came in a batch of many', async () => {
  stores = await createStores(ITEM, `${ITEM}; ALTER TABLE item ADD CONSTRAINT no_77 CHECK (name <> 'n77')`);
  const stream = stores.start([items], PARK_NOTHING);
  await untilState(stream, 'streaming');
  await stores.source.query(
    "INSERT INTO item SELECT n, 'n' || n FROM generate_series(1, 100) n; INSERT INTO item VALUES (200, 'later')",
  );
  const exact = await until('the row is named', () => {
    const { reason } = stream.monitor.status();
    return reason?.code === 'refused' && reason.what.includes('(id=77)') && reason;
  });
  expect(exact.what).toContain('no_77');
  await stores.target.query('ALTER TABLE item DROP CONSTRAINT no_77');
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toHaveLength(101);
});

test('a row that is missing where an event changes a part of it stops the stream', async () => {
  stores = await createStores(
    `CREATE TABLE item (id integer PRIMARY KEY, name text, body text);
     INSERT INTO item SELECT 1, 'a', string_agg(md5(n::text), '') FROM generate_series(1, 400) n`,
    'CREATE TABLE item (id integer PRIMARY KEY, name text, body text)',
  );
  const stream = stores.start(
    [
      rows({
        source: 'item',
        target: 'item',
        key: { id: integer('id') },
        columns: { name: text('name'), body: text('body') },
      }),
    ],
    PARK_NOTHING,
  );
  await untilState(stream, 'streaming');
  await stores.target.query('DELETE FROM item');
  await stores.source.query("UPDATE item SET name = 'b'");
  expect((await untilStopped(stream, 'row-missing')).what).toContain('(id=1)');
});

test('a column that the mapping reads and the source drops stops the stream', async () => {
  stores = await createStores(`${ITEM}; INSERT INTO item VALUES (1, 'a')`, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  await stores.source.query(
    "ALTER TABLE item ADD extra text; UPDATE item SET name = 'b', extra = 'new columns are no concern'",
  );
  await untilCaughtUp(stores);
  await stores.source.query('ALTER TABLE item DROP name; UPDATE item SET id = 2');
  expect((await untilStopped(stream, 'source-changed')).what).toContain('name');
});
