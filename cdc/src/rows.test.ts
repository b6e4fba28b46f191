import { column, integer, pair, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import { embeddedTest } from './testing/engine.ts';
import { createStores, rowsOf, type Stores, until, untilCaughtUp, untilState } from './testing/stores.ts';

let stores: Stores;
afterEach(() => stores.end());

const ITEM = 'CREATE TABLE item (id integer PRIMARY KEY, name text, body text)';
const items = rows({
  source: 'item',
  target: 'item',
  key: { id: integer('id') },
  columns: { name: text('name'), body: text('body') },
});
/** Too large to be stored in the row, and too random to be compressed into it. */
const LARGE = `(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 400) n)`;

async function expectEqual(order = 'id'): Promise<void> {
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item', order)).toEqual(await rowsOf(stores.source, 'item', order));
  // In one session: what a second one applies row by row, after the first was refused, has not proved the order.
  expect((await stores.target.query('SELECT fence::int AS fence FROM strangler.stream')).rows).toEqual([{ fence: 1 }]);
}

test('a large value that an update leaves alone stays as it is in the target', async () => {
  stores = await createStores(`${ITEM}; INSERT INTO item VALUES (1, 'a', ${LARGE}), (2, 'b', ${LARGE})`, ITEM);
  await untilState(stores.start([items]), 'streaming');
  await stores.source.query("UPDATE item SET name = 'changed'");
  await stores.source.query('UPDATE item SET name = NULL WHERE id = 1');
  await stores.source.query('UPDATE item SET body = NULL WHERE id = 2');
  await expectEqual();
  expect((await rowsOf(stores.target, 'item'))[0]).toMatchObject({ body: expect.stringMatching(/^[0-9a-f]{12800}$/) });
});

test('a changed key moves the row, with its large value and with what only the target knows of it', async () => {
  stores = await createStores(
    `${ITEM}; INSERT INTO item VALUES (1, 'a', ${LARGE}), (2, 'b', 'small')`,
    `${ITEM}; ALTER TABLE item ADD note text DEFAULT 'new here'`,
  );
  const withNote = rows({
    source: 'item',
    target: 'item',
    key: { id: integer('id') },
    columns: { name: text('name'), body: text('body') },
    unmapped: { target: { note: "the service's own" } },
  });
  await untilState(stores.start([withNote]), 'streaming');
  await stores.target.query("UPDATE item SET note = 'kept'");
  await stores.source.query("UPDATE item SET id = 11, name = 'moved' WHERE id = 1");
  await stores.source.query('UPDATE item SET id = 1 WHERE id = 2; UPDATE item SET id = 2 WHERE id = 11');
  await untilCaughtUp(stores);
  const expected = (await rowsOf(stores.source, 'item')) as object[];
  expect(await rowsOf(stores.target, 'item')).toEqual(expected.map((row) => ({ ...row, note: 'kept' })));
});

test('truncate empties the target, together with a table that refers to it', async () => {
  const schema = `${ITEM}; CREATE TABLE part (id integer PRIMARY KEY, item_id integer NOT NULL REFERENCES item);`;
  stores = await createStores(`${schema} INSERT INTO item VALUES (1); INSERT INTO part VALUES (1, 1)`, schema);
  const parts = rows({
    source: 'part',
    target: 'part',
    key: { id: integer('id') },
    columns: { item_id: integer('item_id') },
  });
  await untilState(stores.start([items, parts]), 'streaming');
  await stores.source.query("TRUNCATE item CASCADE; INSERT INTO item VALUES (5, 'after')");
  await expectEqual();
  expect(await rowsOf(stores.target, 'part')).toEqual([]);
});

test('what a savepoint or a rollback took back never arrives', async () => {
  stores = await createStores(ITEM, ITEM);
  await untilState(stores.start([items]), 'streaming');
  await stores.source.query(`
    BEGIN; INSERT INTO item VALUES (1, 'kept'); SAVEPOINT s; INSERT INTO item VALUES (2, 'taken back');
    UPDATE item SET name = 'wrong' WHERE id = 1; ROLLBACK TO s; INSERT INTO item VALUES (3, 'kept'); COMMIT;
    BEGIN; DELETE FROM item; ROLLBACK`);
  await expectEqual();
  expect(await rowsOf(stores.target, 'item')).toHaveLength(2);
});

test('a row that changes again and again in one transaction ends as its last change left it', async () => {
  stores = await createStores(`${ITEM}; INSERT INTO item VALUES (1), (2)`, ITEM);
  await untilState(stores.start([items]), 'streaming');
  await stores.source.query(`BEGIN;
    UPDATE item SET name = 'first' WHERE id = 1; UPDATE item SET name = 'last' WHERE id = 1;
    UPDATE item SET name = 'gone' WHERE id = 2; DELETE FROM item WHERE id = 2; INSERT INTO item VALUES (2, 'again');
    INSERT INTO item VALUES (3, 'short-lived'); DELETE FROM item WHERE id = 3;
    COMMIT`);
  await expectEqual();
});

test('rows whose unique value passes from one to the other are applied in their order', async () => {
  const schema = 'CREATE TABLE item (id integer PRIMARY KEY, name text UNIQUE, body text)';
  stores = await createStores(
    `${schema}; INSERT INTO item VALUES (1, 'A', ${LARGE}), (2, 'B', ${LARGE}), (3, 'C', NULL)`,
    schema,
  );
  await untilState(stores.start([items]), 'streaming');
  for (let turn = 0; turn < 3; turn++) {
    await stores.source.query(`
      BEGIN;
      UPDATE item SET name = 'free' WHERE id = 1; UPDATE item SET name = 'A' WHERE id = 2;
      UPDATE item SET name = 'B' WHERE id = 3; UPDATE item SET name = 'C' WHERE id = 1;
      DELETE FROM item WHERE id = 3; INSERT INTO item VALUES (4, 'B'); DELETE FROM item WHERE id = 4;
      INSERT INTO item VALUES (3, 'B');
      UPDATE item SET name = 'free' WHERE id = 1; UPDATE item SET name = 'C' WHERE id = 3;
      UPDATE item SET name = 'B' WHERE id = 2; UPDATE item SET name = 'A' WHERE id = 1;
      COMMIT`);
  }
  await expectEqual();
});

const TYPES: Readonly<Record<string, readonly string[]>> = {
  bigint: ['9007199254740993', '-9223372036854775808'],
  numeric: ['123456789012345678901234567890.123456789', 'NaN', 'Infinity', '-Infinity', '0.10'],
  'double precision': ['0.1', '1e-310', 'NaN', '-Infinity', '9007199254740993'],
  real: ['0.1', 'NaN'],
  bytea: ['\\x00ff5c27', '\\x'],
  'text[]': ['{}', '{NULL,"NULL","a,b","q\\"\\\\{}"}', '{{a,b},{c,d}}', '[2:3]={x,y}'],
  'integer[]': ['{1,NULL,3}'],
  jsonb: ['{"a": [1, 12345678901234567890, "\\\\u00e4\\"", null]}', 'null'],
  json: ['{"b":1, "a" : 2,"b":3}'],
  uuid: ['8f14e45f-ceea-467f-a0e6-3d1f5b1c0d4e'],
  boolean: ['t', 'f'],
  'timestamp without time zone': ['infinity', '0044-03-15 12:00:00 BC', '2026-02-03 04:05:06.789012'],
  'timestamp with time zone': ['-infinity', '2026-07-01 12:00:00+05:30'],
  date: ['0001-01-01 BC', 'infinity'],
  'time with time zone': ['23:59:59.999999-08'],
  interval: ['1 year -2 mons +3 days -04:05:06.7', '-00:00:01'],
  money: ['-1234.56'],
  bit: ['1'],
  'bit varying': ['10110', ''],
  'character varying': ['tab\tline\nback\\slash\r', ''],
  int4range: ['[1,5)', 'empty'],
  inet: ['192.168.0.1/24', '::1'],
  point: ['(1.5,-2)'],
  tsvector: [`'a':1A 'fat':2`],
  mood: ['so, so', "it's fine"],
  positive: ['42'],
  'pair_of[]': ['{"(1,\\"a,\\"\\"b\\")"}'],
  oid: ['4294967295'],
  '"char"': ['x'],
  name: ['a name'],
  xml: ['<a b="c">&amp;</a>'],
};

test('a chain of unique values is passed on in the order of the source, though each event is only a part of its row', async () => {
  const schema = 'CREATE TABLE item (id integer PRIMARY KEY, name text UNIQUE, body text)';
  stores = await createStores(
    `${schema}; INSERT INTO item SELECT n, 'n' || n, ${LARGE} FROM generate_series(1, 60) n`,
    schema,
  );
  // A join by merging: whatever order the rows are given in, it takes them by key.
  const { rows: database } = await stores.target.query('SELECT quote_ident(current_database()) AS name');
  for (const plan of ['enable_nestloop', 'enable_hashjoin']) {
    await stores.target.query(`ALTER DATABASE ${database[0].name} SET ${plan} = off`);
  }
  await untilState(stores.start([items]), 'streaming');
  await stores.source.query(`DO $$ BEGIN
    FOR n IN REVERSE 60..1 LOOP UPDATE item SET name = 'n' || n + 1 WHERE id = n; END LOOP;
  END $$`);
  await expectEqual();
});

embeddedTest('a value of every type arrives as it was, by the load and by the stream', async () => {
  const types = Object.keys(TYPES);
  const schema = `
    CREATE TYPE mood AS ENUM ('so, so', 'it''s fine'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE TYPE pair_of AS (n integer, t text);
    CREATE TABLE item (id integer PRIMARY KEY, ch character(5), ${types.map((type, n) => `c${n} ${type}`).join(', ')})`;
  stores = await createStores(schema, schema);
  const most = Math.max(...Object.values(TYPES).map((values) => values.length));
  const insert = async (first: number) => {
    for (let n = 0; n <= most; n++) {
      const values = types.map((type) => TYPES[type]![n] ?? null);
      const places = values.map((_, index) => `$${index + 2}::text::${types[index]}`);
      await stores.source.query(`INSERT INTO item VALUES ($1, 'ab', ${places.join(', ')})`, [first + n, ...values]);
    }
  };
  const mapping = rows({
    source: 'item',
    target: 'item',
    key: { id: integer('id') },
    columns: {
      ch: column('ch', 'character'),
      ...Object.fromEntries(types.map((type, n) => [`c${n}`, column(`c${n}`, type)])),
    },
  });
  await insert(1);
  await untilState(stores.start([mapping]), 'streaming');
  await insert(101);
  await untilCaughtUp(stores);
  const all = 'SELECT t::text AS row FROM item t ORDER BY id';
  const source = (await stores.source.query(all)).rows;
  expect(source).toHaveLength(2 * (most + 1));
  expect((await stores.target.query(all)).rows).toEqual(source);
});

test('a pair that reads two large columns gets the unchanged one from the old row, under REPLICA IDENTITY FULL', async () => {
  stores = await createStores(
    `${ITEM}; ALTER TABLE item REPLICA IDENTITY FULL; INSERT INTO item VALUES (1, 'a', ${LARGE}), (2, 'b', 'x')`,
    'CREATE TABLE item (id integer PRIMARY KEY, both_of text)',
  );
  const joined = pair({
    name: 'both',
    source: { name: 'text', body: 'text' },
    target: { both_of: 'text' },
    forward: ({ name, body }) => ({ both_of: JSON.stringify([name, body]) }),
    back: ({ both_of }) => ({ name: JSON.parse(both_of ?? '[]')[0], body: JSON.parse(both_of ?? '[]')[1] }),
  });
  const mapping = rows({ source: 'item', target: 'item', key: { id: integer('id') }, columns: {}, pairs: [joined] });
  await untilState(stores.start([mapping]), 'streaming');
  await stores.source.query(
    "UPDATE item SET name = 'changed' WHERE id = 1; UPDATE item SET id = 5 WHERE id = 1; DELETE FROM item WHERE id = 2",
  );
  await untilCaughtUp(stores);
  const [row] = (await rowsOf(stores.source, 'item')) as { name: string; body: string }[];
  expect(await rowsOf(stores.target, 'item')).toEqual([{ id: 5, both_of: JSON.stringify([row!.name, row!.body]) }]);
});

test('a value that is set to null becomes null, though the old row carries it, under REPLICA IDENTITY FULL', async () => {
  stores = await createStores(
    `${ITEM}; ALTER TABLE item REPLICA IDENTITY FULL; INSERT INTO item VALUES (1, 'a', ${LARGE}), (2, 'b', 'x')`,
    ITEM,
  );
  await untilState(stores.start([items]), 'streaming');
  await stores.source.query('UPDATE item SET name = NULL; UPDATE item SET body = NULL WHERE id = 2');
  await expectEqual();
});

test("the target's readers never see half of a source transaction, however many pieces it arrives in", async () => {
  stores = await createStores(`${ITEM}; INSERT INTO item SELECT n, 'v0' FROM generate_series(1, 3000) n`, ITEM);
  await untilState(
    stores.start([items], { runRowsMax: 100, batchRowsMax: 100, queueBytesMax: 64 * 1024 }),
    'streaming',
  );
  const reader = await stores.session('target');
  const seen = new Set<string>();
  let writing = true;
  const reading = (async () => {
    while (writing) {
      const { rows } = await reader.query(
        'SELECT count(DISTINCT name)::text AS versions, min(name) AS version FROM item',
      );
      expect(rows[0].versions).toBe('1');
      seen.add(rows[0].version);
    }
  })();
  for (let version = 1; version <= 8; version++)
    await stores.source.query('UPDATE item SET name = $1', [`v${version}`]);
  await untilCaughtUp(stores);
  await until('the reader has seen the last version', () => seen.has('v8'));
  writing = false;
  await reading;
});

test('rows that are in the target before the source makes them are overwritten, though new rows are copied', async () => {
  stores = await createStores(ITEM, ITEM);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  await stores.target.query("INSERT INTO item VALUES (20, 'a rogue')");
  await stores.source.query("INSERT INTO item SELECT n, 'new ' || n FROM generate_series(1, 50) n");
  await untilCaughtUp(stores);
  await stores.source.query(
    "INSERT INTO item SELECT n, 'tab\t, \\\\N and ' || chr(10) FROM generate_series(51, 100) n",
  );
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toEqual(await rowsOf(stores.source, 'item'));
  expect(stream.monitor.status()).toMatchObject({ state: 'streaming', dead_letters: { events: 0 } });
});

test('rows that two tables bring to one are never taken for new ones', async () => {
  const table =
    'CREATE TABLE one (id integer PRIMARY KEY, name text); CREATE TABLE other (id integer PRIMARY KEY, note text)';
  stores = await createStores(table, 'CREATE TABLE item (id integer PRIMARY KEY, name text, note text)');
  const key = { id: integer('id') };
  const stream = stores.start([
    rows({
      source: 'one',
      target: 'item',
      key,
      columns: { name: text('name') },
      unmapped: { target: { note: 'the other table' } },
    }),
    rows({
      source: 'other',
      target: 'item',
      key,
      columns: { note: text('note') },
      unmapped: { target: { name: 'the one table' } },
    }),
  ]);
  await untilState(stream, 'streaming');
  await stores.source.query(`INSERT INTO one SELECT n, 'name ' || n FROM generate_series(1, 30) n;
    INSERT INTO other SELECT n, 'note ' || n FROM generate_series(1, 30) n`);
  await untilCaughtUp(stores);
  // The session is still the first: nothing was refused on the way.
  expect((await stores.target.query('SELECT fence::int AS fence FROM strangler.stream')).rows).toEqual([{ fence: 1 }]);
  expect(await rowsOf(stores.target, 'item')).toEqual(
    Array.from({ length: 30 }, (_, n) => ({ id: n + 1, name: `name ${n + 1}`, note: `note ${n + 1}` })),
  );
});
