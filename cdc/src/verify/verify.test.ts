import type pg from 'pg';
import { code, column, integer, numeric, pair, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import { createStores, type RunningStream, type Stores, untilCaughtUp, untilState } from '../testing/stores.ts';
import { type VerifyOptions, verify } from './verify.ts';

let stores: Stores;
afterEach(() => stores.end());

const ITEM = 'CREATE TABLE item (id integer PRIMARY KEY, name text, body text)';
const items = rows({
  source: 'item',
  target: 'item',
  key: { id: integer('id') },
  columns: { name: text('name'), body: text('body') },
});
const itemsTo = (count: number) =>
  `${ITEM}; INSERT INTO item SELECT n, 'name ' || n, md5(n::text) FROM generate_series(1, ${count}) n`;

async function started(...tables: Parameters<Stores['start']>[0]): Promise<RunningStream> {
  const stream = stores.start(tables);
  await untilState(stream, 'streaming');
  return stream;
}

function verified(stream: Pick<RunningStream, 'migration'>, more: Partial<VerifyOptions> = {}) {
  const { sourceUrl, targetUrl } = stores;
  return verify({ migration: stream.migration, sourceUrl, targetUrl, ...more });
}

test('of 200,000 rows those that are missing, extra or changed behind the stream are found, and no others', async () => {
  stores = await createStores(itemsTo(200_000), ITEM);
  const stream = await started(items);
  const before = await verified(stream);
  expect(before).toMatchObject({ verdict: 'equal', differences: [], notes: [] });
  expect(before.tables).toMatchObject([{ method: 'digest', rows: 200_000, unsettled: 0 }]);
  await stores.target.query(`
    DELETE FROM item WHERE id IN (1, 777, 200000);
    INSERT INTO item VALUES (0, 'rogue', NULL), (200001, 'rogue', NULL);
    UPDATE item SET name = name || ' ' WHERE id = 60000;
    UPDATE item SET name = NULL, body = '' WHERE id = 120000`);
  const report = await verified(stream);
  expect(report.verdict).toBe('different');
  expect(report.tables).toMatchObject([{ missing: 3, extra: 2, different: 2, unsettled: 0 }]);
  const found = report.differences.map(({ kind, key, columns }) => [Number(key.id), kind, ...columns]);
  expect(found.toSorted(([a], [b]) => (a as number) - (b as number))).toEqual([
    [0, 'extra'],
    [1, 'missing'],
    [777, 'missing'],
    [60_000, 'different', 'name'],
    [120_000, 'different', 'name', 'body'],
    [200_000, 'missing'],
    [200_001, 'extra'],
  ]);
});

test('a target with many more rows than the source is compared in bounded slices, and each of them is extra', async () => {
  stores = await createStores(itemsTo(10), ITEM);
  const stream = await started(items);
  await stores.target.query("INSERT INTO item SELECT n, 'rogue' FROM generate_series(11, 9000) n");
  const report = await verified(stream, { limits: { digestRows: 1_000, suspectsMax: 4_000 } });
  expect(report.tables).toMatchObject([{ missing: 0, extra: 8_990, different: 0, unsettled: 0 }]);
  expect(report.differences).toHaveLength(1_000);
});

// What PostgreSQL calls equal, and what a hash of it therefore does not tell apart.
const LOOK_ALIKES = [
  ['text', "'a'", "'a '"],
  ['text', "''", 'NULL'],
  ['numeric', "'1.50'", "'1.5'"],
  ['numeric', "'NaN'", 'NULL'],
  ['double precision', "'-0'", "'0'"],
  ['double precision', "'NaN'", "'Infinity'"],
  ['real', "'0.1'", "'0.10000001'"],
  ['interval', "'1 month'", "'30 days'"],
  ['integer[]', "'{1,2}'", "'[0:1]={1,2}'"],
  ['integer[]', "'{1,2}'", "'{{1,2}}'"],
  ['jsonb', `'{"a": 1.0}'`, `'{"a": 1}'`],
  ['json', `'{"a":1}'`, `'{"a": 1}'`],
  ['timestamp with time zone', "'infinity'", "'-infinity'"],
  ['bytea', "'\\x00'", "'\\x0000'"],
] as const;

test('values that look alike, or that PostgreSQL calls equal, are told apart', async () => {
  const columns = LOOK_ALIKES.map(([type], index) => `c${index} ${type}`).join(', ');
  const table = `CREATE TYPE mood AS ENUM ('happy', 'sad'); CREATE TABLE odd (id bigint PRIMARY KEY, mood mood, ${columns})`;
  const values = LOOK_ALIKES.map(([, value]) => value).join(', ');
  // The target's enum has numbers of its own.
  stores = await createStores(
    `${table}; INSERT INTO odd SELECT n, 'sad', ${values} FROM generate_series(1, 100) n`,
    `CREATE TYPE other AS ENUM ('x'); ${table}`,
  );
  const odd = rows({
    source: 'odd',
    target: 'odd',
    key: { id: integer('id') },
    columns: {
      mood: column('mood', 'mood'),
      ...Object.fromEntries(LOOK_ALIKES.map(([type], index) => [`c${index}`, column(`c${index}`, type)])),
    },
  });
  const stream = await started(odd);
  const before = await verified(stream);
  expect(before.tables).toMatchObject([{ method: 'digest', rows: 100 }]);
  expect(before.verdict).toBe('equal');
  for (const [index, [, , value]] of LOOK_ALIKES.entries()) {
    await stores.target.query(`UPDATE odd SET c${index} = ${value} WHERE id = ${index + 1}`);
  }
  const { differences } = await verified(stream);
  const found = differences.map(({ key, columns: names }) => [Number(key.id), ...names]);
  expect(found.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual(LOOK_ALIKES.map((_, n) => [n + 1, `c${n}`]));
});

const packed = pair({
  name: 'packed',
  source: { packed: 'text' },
  target: { list: 'jsonb' },
  forward: ({ packed }) => ({
    list: packed === null ? null : JSON.stringify(packed.split(';')).replaceAll('","', '", "'),
  }),
  back: ({ list }) => ({ packed: list === null ? null : (JSON.parse(list) as string[]).join(';') }),
});

test('what a hand-written pair made is compared by reading the rows', async () => {
  stores = await createStores(
    `CREATE TABLE bag (id text, part integer, packed text, PRIMARY KEY (id, part));
     INSERT INTO bag SELECT chr(97 + n % 26) || n, n, 'red;' || n FROM generate_series(1, 3000) n`,
    'CREATE TABLE bag (id text, part integer, list jsonb, PRIMARY KEY (id, part))',
  );
  const stream = await started(
    rows({
      source: 'bag',
      target: 'bag',
      key: { id: text('id'), part: integer('part') },
      columns: {},
      pairs: [packed],
    }),
  );
  const before = await verified(stream, { limits: { travelRows: 700 } });
  expect(before.tables).toMatchObject([{ method: 'rows', rows: 3_000 }]);
  expect(before.verdict).toBe('equal');
  await stores.target.query(`
    UPDATE bag SET list = '["red", "1 "]' WHERE part = 1; UPDATE bag SET list = NULL WHERE part = 2;
    DELETE FROM bag WHERE part = 3; INSERT INTO bag VALUES ('zzz', 9, '[]')`);
  const { differences } = await verified(stream, { limits: { travelRows: 700 } });
  expect(differences.map(({ kind, key, columns }) => [key, kind, ...columns])).toEqual(
    expect.arrayContaining([
      [{ id: 'b1', part: '1' }, 'different', 'list'],
      [{ id: 'c2', part: '2' }, 'different', 'list'],
      [{ id: 'd3', part: '3' }, 'missing'],
      [{ id: 'zzz', part: '9' }, 'extra'],
    ]),
  );
  expect(differences).toHaveLength(4);
});

test('keys that the two databases put in another order are compared all the same', async () => {
  const table = (collation: string) =>
    `CREATE TABLE word (id text COLLATE "${collation}" PRIMARY KEY, n numeric(10,2))`;
  stores = await createStores(
    `${table('en-x-icu')}; INSERT INTO word SELECT chr(65 + n % 2 * 32 + n % 26) || n, n FROM generate_series(1, 500) n`,
    table('C'),
  );
  const stream = await started(
    rows({ source: 'word', target: 'word', key: { id: text('id') }, columns: { n: numeric('n') } }),
  );
  const limits = { digestRows: 60 };
  expect((await verified(stream, { limits })).verdict).toBe('equal');
  await stores.target.query(
    "DELETE FROM word WHERE n = 5; UPDATE word SET n = 6.01 WHERE n = 6; INSERT INTO word VALUES ('b')",
  );
  expect((await verified(stream, { limits })).tables).toMatchObject([
    { missing: 1, extra: 1, different: 1, unsettled: 0 },
  ]);
});

test('a value that the mapping cannot carry is named with its reason, beside what else is wrong', async () => {
  stores = await createStores(itemsTo(3), ITEM);
  const stream = await started(items);
  await stores.target.query("UPDATE item SET name = 'wrong' WHERE id = 1");
  const narrow = { name: code('name', { 'name 1': 'name 1', 'name 2': 'name 2' }), body: text('body') };
  const narrower = rows({ source: 'item', target: 'item', key: { id: integer('id') }, columns: narrow });
  const { differences } = await verified({ migration: { ...stream.migration, tables: [narrower] } });
  expect(differences.map(({ key, columns, reason }) => [key.id, columns, reason])).toEqual([
    ['1', ['name'], null],
    ['3', [], expect.stringContaining('code cannot carry "name 3"')],
  ]);
});

test('while the stream stands still a row that differs is unsettled, not different', async () => {
  stores = await createStores(itemsTo(50), ITEM);
  const stream = await started(items);
  await stream.stop();
  await stores.source.query('UPDATE item SET name = NULL WHERE id = 7; DELETE FROM item WHERE id = 8');
  const report = await verified(stream, { limits: { waitMs: 100 } });
  expect(report.tables).toMatchObject([{ rows: 50, missing: 0, extra: 0, different: 0, unsettled: 2 }]);
  expect(report.verdict).toBe('unsettled');
  expect(report.notes.join()).toContain('The stream stood still');
  await started(items);
  expect((await verified(stream)).verdict).toBe('equal');
});

test('under load through a running stream nothing is taken for a difference but what was planted', async () => {
  stores = await createStores(itemsTo(4_000), ITEM);
  const stream = await started(items);
  let going = true;
  const writer = async (seed: number) => {
    const client = await stores.session('source');
    for (let n = seed; going; n = (n * 16_807) % 2_147_483_647) {
      // Keys come, go, change and are taken again, ten of them all the time.
      const [one, other] = [4_001 + (n % 300), 4_001 + ((n >> 8) % 10)];
      await client
        .query(
          `INSERT INTO item VALUES (${one}, '${n}') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
           INSERT INTO item VALUES (${other}, 'hot') ON CONFLICT (id) DO UPDATE SET body = '${n}';
           ${n % 3 === 0 ? `DELETE FROM item WHERE id = ${one};` : ''}
           ${n % 7 === 0 ? `UPDATE item SET id = id + 1000 WHERE id = ${other} + 20;` : ''}
           ${n % 11 === 0 ? 'DELETE FROM item WHERE id > 5000' : ''}`,
        )
        // Two writers meet at one key now and then.
        .catch((error: { code?: string }) => expect(['23505', '40P01']).toContain(error.code));
      // Not all that the machine can: the stream has to follow.
      await new Promise((wake) => setTimeout(wake, 10));
    }
  };
  const writing = [1, 2].map(writer);
  try {
    let suspects = 0;
    const limits = { digestRows: 500 };
    const progress = (slice: { suspects: number }) => {
      suspects += slice.suspects;
    };
    // Until the load was one that could have fooled it.
    while (suspects < 20) {
      const { tables } = await verified(stream, { limits, progress });
      expect(tables).toMatchObject([{ missing: 0, extra: 0, different: 0 }]);
    }
    await stores.target.query(`
      DELETE FROM item WHERE id = 17; INSERT INTO item VALUES (-5, 'rogue'); UPDATE item SET body = NULL WHERE id = 3999`);
    const { tables, differences } = await verified(stream, { limits });
    expect(tables).toMatchObject([{ missing: 1, extra: 1, different: 1 }]);
    const named = differences.filter(({ kind }) => kind !== 'unsettled').map(({ kind, key }) => `${kind} ${key.id}`);
    expect(named.toSorted()).toEqual(['different 3999', 'extra -5', 'missing 17']);
  } finally {
    going = false;
    await Promise.all(writing);
  }
  await untilCaughtUp(stores);
  expect((await verified(stream)).tables).toMatchObject([{ missing: 1, extra: 1, different: 1, unsettled: 0 }]);
});

test('it has one session on each side, which writes nothing, and reads no more rows a second than it may', async () => {
  stores = await createStores(itemsTo(600), ITEM);
  const stream = await started(items);
  const sessions = `SELECT count(*)::int AS sessions, bool_and(backend_xid IS NULL) AS quiet FROM pg_stat_activity
    WHERE application_name = 'strangler_verify' AND datname = current_database()`;
  const looks: Promise<unknown>[] = [];
  const look = (client: pg.Client) => client.query(sessions).then((result) => result.rows[0]);
  const report = await verified(stream, {
    rate: 300,
    progress: () => looks.push(look(stores.source), look(stores.target)),
  });
  expect(report.verdict).toBe('equal');
  // A burst of a second's rows, then the pace.
  expect(report.seconds).toBeGreaterThan(0.99);
  const during = { sessions: 1, quiet: true };
  expect(await Promise.all(looks.slice(0, 2))).toEqual([during, during]);
});

test('a stream that is idle, and writes its position down once a minute, is not waited for as long', async () => {
  stores = await createStores(itemsTo(100), ITEM);
  const stream = stores.start([items], { idleMs: 60_000, heartbeatMs: 60_000 });
  await untilState(stream, 'streaming');
  await stores.target.query('DELETE FROM item WHERE id = 7');
  // Longer than the stream would stay where it is.
  const report = await verified(stream, { limits: { waitMs: 20_000 } });
  expect(report).toMatchObject({
    verdict: 'different',
    differences: [{ kind: 'missing', key: { id: '7' } }],
    notes: [],
  });
});

test('a row of the target that refers to nothing is an orphan, though the sync, which checks no foreign key, brought it', async () => {
  const event = 'CREATE TABLE event (id integer PRIMARY KEY, item_id integer';
  stores = await createStores(
    `${ITEM}; ${event}); INSERT INTO item VALUES (1, 'here', NULL)`,
    `${ITEM}; CREATE TABLE other (id integer PRIMARY KEY); ${event} CONSTRAINT to_item REFERENCES item CONSTRAINT to_other REFERENCES other)`,
  );
  const stream = await started(
    items,
    rows({ source: 'event', target: 'event', key: { id: integer('id') }, columns: { item_id: integer('item_id') } }),
  );
  await stores.source.query('INSERT INTO event VALUES (1, 1), (2, 99), (3, NULL)');
  await untilCaughtUp(stores);
  const report = await verified(stream);
  expect(report).toMatchObject({
    verdict: 'different',
    tables: [{ orphan: 0 }, { orphan: 1, missing: 0, extra: 0, different: 0, unsettled: 0 }],
    notes: [expect.stringContaining('to_other')],
  });
  expect(report.differences).toEqual([
    {
      ...{ table: 'public.event', kind: 'orphan', key: { id: '2' }, columns: ['item_id'] },
      reason: 'to_item: no row of public.item (id) is there',
    },
  ]);
});
