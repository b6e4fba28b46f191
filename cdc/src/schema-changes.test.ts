import { integer, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import {
  createStores,
  type RunningStream,
  rowsOf,
  type Stores,
  until,
  untilCaughtUp,
  untilState,
} from './testing/stores.ts';

const ITEM = 'CREATE TABLE item (id integer PRIMARY KEY, name text, n integer)';
const items = rows({
  source: 'item',
  target: 'item',
  key: { id: integer('id') },
  columns: { name: text('name'), n: integer('n') },
});

let stores: Stores;
afterEach(() => stores.end());

async function started(): Promise<RunningStream> {
  stores = await createStores(`${ITEM}; INSERT INTO item VALUES (1, 'a', 1)`, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  return stream;
}

const untilStopped = (stream: RunningStream, code: string) =>
  until(`the stream stops with ${code}, not ${JSON.stringify(stream.monitor.status())}`, () => {
    const { state, reason } = stream.monitor.status();
    return state === 'stopped' && reason?.code === code && reason;
  });

test('a column that is added, in the middle of a transaction too, is no concern of the stream', async () => {
  await started();
  await stores.source.query(`BEGIN; INSERT INTO item VALUES (2, 'before', 2);
    ALTER TABLE item ADD extra text NOT NULL DEFAULT 'x'; INSERT INTO item VALUES (3, 'after', 3, 'y'); COMMIT`);
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toHaveLength(3);
});

test('a table that is rewritten, emptied of dead rows or indexed anew sends nothing and loses nothing', async () => {
  await started();
  await stores.source.query('ALTER TABLE item ADD filled double precision DEFAULT random()');
  await stores.source.query('VACUUM FULL item');
  await stores.source.query('CLUSTER item USING item_pkey');
  await stores.source.query(`UPDATE item SET name = 'b'; INSERT INTO item VALUES (2, 'c', 2)`);
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toEqual([
    { id: 1, name: 'b', n: 1 },
    { id: 2, name: 'c', n: 2 },
  ]);
});

test('a column that is dropped stops the stream before a row without it is applied, and goes on once it is back', async () => {
  const stream = await started();
  await stores.source.query(`INSERT INTO item VALUES (2, 'before', 2); ALTER TABLE item DROP n`);
  await stores.source.query(`INSERT INTO item VALUES (3, 'without')`);
  expect((await untilStopped(stream, 'source-changed')).what).toContain('no longer has n');
  expect(await rowsOf(stores.target, 'item')).not.toContainEqual(expect.objectContaining({ id: 3 }));
});

test('a column that is retyped, so that a value does not fit, stops the stream; nothing is lost once both are alike', async () => {
  const stream = await started();
  await stores.source.query('ALTER TABLE item ALTER n TYPE bigint');
  await stores.source.query(`INSERT INTO item VALUES (2, 'fits', 2), (3, 'does not', 3000000000), (4, 'fits', 4)`);
  expect((await untilStopped(stream, 'declaration')).what).toMatch(/bigint/);
  await stores.target.query('ALTER TABLE item ALTER n TYPE bigint');
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toHaveLength(4);
});

test('a table that is renamed stops the stream; back under its name it has lost nothing that was written meanwhile', async () => {
  const stream = await started();
  await stores.source.query('ALTER TABLE item RENAME TO item_old');
  await stores.source.query(`INSERT INTO item_old VALUES (2, 'renamed', 2)`);
  await until('the stream stops', () => stream.monitor.status().state === 'stopped');
  expect(stream.monitor.status().reason?.what).toContain('item');
  await stores.source.query('ALTER TABLE item_old RENAME TO item');
  await stores.source.query(`INSERT INTO item VALUES (3, 'back', 3)`);
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toHaveLength(3);
});

test('a huge transaction of somebody else delays a mark, and the lag says so', async () => {
  const stream = await started();
  await stores.source.query('CREATE TABLE other (id integer, filler text)');
  const writer = await stores.session('source');
  const huge = writer.query(
    `BEGIN; INSERT INTO other SELECT n, repeat('x', 100) FROM generate_series(1, 300000) n; COMMIT`,
  );
  await until('the lag is seen', () => (stream.monitor.status().lag_bytes ?? 0) > 1_000_000);
  await huge;
  await stores.source.query(`INSERT INTO item VALUES (2, 'behind it', 2)`);
  await untilCaughtUp(stores);
  await until('the lag is gone', () => (stream.monitor.status().lag_bytes ?? 1) < 100_000);
  expect(await rowsOf(stores.target, 'item')).toHaveLength(2);
});
