import { integer, rows, text } from 'strangler-migrations/define';
import { afterEach, expect, test } from 'vitest';
import { countLetters, replayLetters } from './apply/settle-letters.ts';
import { courseOf } from './direction.ts';
import { engine } from './testing/engine.ts';
import { type CdcProcess, startCdc, untilLogged } from './testing/process.ts';
import { createStores, rowsOf, type Stores, until, untilCaughtUp, untilState } from './testing/stores.ts';

const ITEM = 'CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra text)';
const EVENT = 'CREATE TABLE event (id integer PRIMARY KEY, item_id integer)';
const SOURCE = `${ITEM}; ${EVENT}`;
const TARGET = `
  CREATE TABLE item (id integer PRIMARY KEY, name text CONSTRAINT sound CHECK (name <> 'poison'), body text, extra jsonb);
  CREATE INDEX narrow ON item (body);
  ${EVENT} `;
const NEVER = 3_600_000;

let stores: Stores;
const processes: CdcProcess[] = [];
afterEach(async () => {
  for (const each of processes.splice(0)) {
    each.child.kill('SIGKILL');
    await each.ended;
  }
  await stores.end();
});

function cdc(args: readonly string[], env: NodeJS.ProcessEnv = {}): CdcProcess {
  const started = startCdc(stores, args, env);
  processes.push(started);
  return started;
}

async function command(...args: string[]) {
  const process = cdc(['dead-letters', ...args, '--json']);
  const status = await process.ended;
  const stdout = process.stdout();
  const letters = (stdout ? (JSON.parse(stdout).dead_letters ?? []) : []) as Record<string, unknown>[];
  return { status, letters, stdout, stderr: process.output() };
}

async function running(env: NodeJS.ProcessEnv = {}): Promise<CdcProcess> {
  const started = cdc(['run'], env);
  await untilLogged(started, 'streaming');
  return started;
}

const names = async () =>
  Object.fromEntries(
    ((await rowsOf(stores.target, 'item')) as { id: number; name: string }[]).map((r) => [r.id, r.name]),
  );

const items = rows({
  source: 'item',
  target: 'item',
  key: { id: integer('id') },
  columns: { name: text('name'), body: text('body') },
  unmapped: { source: { extra: 'not part of this' }, target: { extra: 'not part of this' } },
});

/** By way of Kafka each row is some hundred times its size, and is read again for each degree of care. */
const MANY = engine.name === 'embedded' ? 100_000 : 10_000;
const POISON = MANY / 2 + 777;

test(`one poison key among ${MANY.toLocaleString('en')} is parked, and all the others arrive`, async () => {
  stores = await createStores(SOURCE, TARGET);
  const stream = stores.start([items], { heartbeatMs: 100 });
  await untilState(stream, 'streaming');
  await stores.source.query(
    "INSERT INTO item SELECT n, CASE n WHEN $1 THEN 'poison' ELSE 'n' || n END FROM generate_series(1, $2::int) n",
    [POISON, MANY],
  );
  await untilCaughtUp(stores);
  const { rows: found } = await stores.target.query(
    'SELECT count(*)::int AS rows, bool_or(id = $1) AS poison FROM item',
    [POISON],
  );
  expect(found).toEqual([{ rows: MANY - 1, poison: false }]);
  expect(stream.monitor.status()).toMatchObject({ state: 'streaming', dead_letters: { keys: 1, events: 1 } });
  // What comes now waits for nothing, though the key is still parked.
  await stores.source.query("UPDATE item SET name = 'later' WHERE id BETWEEN $1::int - 1 AND $1::int + 1", [POISON]);
  await untilCaughtUp(stores);
  expect(await names()).toMatchObject({ [POISON - 1]: 'later', [POISON + 1]: 'later' });
  expect(stream.monitor.status().dead_letters).toEqual({ keys: 1, events: 2 });
});

test('a mapping that throws, a constraint that refuses and a value that does not fit are parked with their causes', async () => {
  stores = await createStores(SOURCE, TARGET);
  const [name] = items.columns;
  const forward = (value: string) => {
    if (value === 'unmappable') throw new Error('no word for that');
    return value;
  };
  const stream = stores.start([
    { ...items, columns: [{ ...name!, codec: { ...name!.codec, forward } }, items.columns[1]!] },
  ]);
  await untilState(stream, 'streaming');
  await stores.source.query(
    `INSERT INTO item (id, name) VALUES (1, 'good'), (2, 'unmappable'), (3, 'poison'), (5, 'good'); INSERT INTO item VALUES (4, 'good', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 400) n))`,
  );
  await untilCaughtUp(stores);
  expect(await names()).toEqual({ 1: 'good', 5: 'good' });
  const { rows: letters } = await stores.target.query(
    `SELECT event -> 'key' ->> 'id' AS id, code, cause FROM strangler.dead_letter ORDER BY 1`,
  );
  expect(letters).toEqual([
    { id: '2', code: 'mapping', cause: expect.stringContaining('no word for that') },
    { id: '3', code: 'refused', cause: expect.stringContaining('sound') },
    { id: '4', code: 'refused', cause: expect.stringContaining('maximum size') },
  ]);
});

test('what follows a parked event of its key waits behind it in order, and is replayed in that order', async () => {
  stores = await createStores(SOURCE, TARGET);
  await running();
  await stores.source.query("INSERT INTO item VALUES (1, 'poison', 'a'), (2, 'x', NULL)");
  await stores.source.query("UPDATE item SET name = 'second', body = 'b' WHERE id = 1");
  await stores.source.query('UPDATE item SET id = 11 WHERE id = 1');
  await stores.source.query(
    "UPDATE item SET name = 'last' WHERE id = 11; INSERT INTO item VALUES (1, 'new'); DELETE FROM item WHERE id = 2",
  );
  await untilCaughtUp(stores);
  expect(await names()).toEqual({});

  const { letters } = await command('list');
  expect(letters.map(({ op, behind }) => [op, behind === null])).toEqual([
    ['c', true],
    ...['u', 'd', 'c', 'u', 'c'].map((op) => [op, false]),
  ]);
  const shown = JSON.parse((await command('show', String(letters[0]!.id))).stdout);
  expect(shown).toMatchObject({ code: 'refused', key: { id: '1' }, event: { after: { name: 'poison', body: 'a' } } });

  const again = await command('replay', String(letters[3]!.id));
  expect([again.status, again.letters.map((letter) => letter.outcome)]).toEqual([
    2,
    ['refused', 'waits', 'waits', 'waits', 'waits', 'waits'],
  ]);
  await stores.target.query('ALTER TABLE item DROP CONSTRAINT sound');
  const dry = await command('replay', '--all', '--dry-run');
  expect([dry.status, await names()]).toEqual([0, {}]);
  const done = await command('replay', '--all');
  expect([done.status, new Set(done.letters.map((letter) => letter.outcome))]).toEqual([0, new Set(['applied'])]);
  // The stream, which ran all the time, knows that the keys are free.
  await stores.source.query("UPDATE item SET body = 'free' WHERE id = 11");
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toMatchObject([
    { id: 1, name: 'new' },
    { id: 11, name: 'last', body: 'free' },
  ]);
  expect((await command('list')).letters).toEqual([]);
});

test('a discarded event is gone for good, and what was behind it can be replayed', async () => {
  stores = await createStores(SOURCE, TARGET);
  await running();
  await stores.source.query("INSERT INTO item VALUES (1, 'poison')");
  await stores.source.query("UPDATE item SET name = 'sound' WHERE id = 1");
  await untilCaughtUp(stores);
  const first = (await command('list')).letters[0]!;
  expect((await command('discard')).status).toBe(1);
  expect((await command('discard', '999999')).stderr).toContain('no dead letter 999999');
  expect((await command('discard', String(first.id))).letters).toEqual([
    { id: first.id, outcome: 'discarded', cause: null },
  ]);
  expect((await command('replay', '--all')).status).toBe(0);
  expect(await names()).toEqual({ 1: 'sound' });
});

test('a row whose parent is parked does not wait: the sync checks no foreign key, and the replay makes it whole', async () => {
  stores = await createStores(SOURCE, TARGET.replace('item_id integer', 'item_id integer REFERENCES item'));
  await running();
  await stores.source.query(`INSERT INTO item VALUES (1, 'poison'), (2, 'sound'); INSERT INTO event VALUES (10, 1)`);
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'event')).toEqual([{ id: 10, item_id: 1 }]);
  expect((await command('list')).letters.map((letter) => letter.table)).toEqual(['public.item']);
  await stores.target.query('ALTER TABLE item DROP CONSTRAINT sound');
  expect((await command('replay', '--all')).status).toBe(0);
  expect(await names()).toEqual({ 1: 'poison', 2: 'sound' });
});

test('at the bound the stream stops, and goes on once there is room', async () => {
  stores = await createStores(SOURCE, TARGET);
  const stream = stores.start([items], { deadLettersMax: 2 });
  await untilState(stream, 'streaming');
  await stores.source.query("INSERT INTO item SELECT n, 'poison' FROM generate_series(1, 2) n");
  await untilCaughtUp(stores);
  await stores.source.query("UPDATE item SET body = 'b' WHERE id = 1");
  await until('the stream stops', () => stream.monitor.status().reason?.code === 'dead-letters-full');
  await stores.target.query('DELETE FROM strangler.dead_letter');
  await untilCaughtUp(stores);
  await until('one event is parked', () => stream.monitor.status().dead_letters.events === 1);
});

test('a table that the source empties has nothing parked any more', async () => {
  stores = await createStores(SOURCE, TARGET);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  await stores.source.query("INSERT INTO item VALUES (1, 'poison'), (2, 'sound')");
  await untilCaughtUp(stores);
  await stores.source.query("TRUNCATE item; INSERT INTO item VALUES (1, 'again')");
  await untilCaughtUp(stores);
  expect(await names()).toEqual({ 1: 'again' });
  // The rows can be seen before the stream has heard that they are committed.
  await until('nothing is parked', () => stream.monitor.status().dead_letters.events === 0);
  expect(stream.monitor.status().dead_letters).toEqual({ keys: 0, events: 0 });
});

test('killed while it parks and while it replays, nothing is lost and nothing is parked twice', async () => {
  stores = await createStores(SOURCE, TARGET);
  const first = await running({ STRANGLER_CDC_FAILPOINT: 'park' });
  await stores.source.query("INSERT INTO item VALUES (1, 'poison'), (2, 'sound')");
  expect(await first.ended).toBe('SIGKILL');
  expect((await stores.target.query('SELECT FROM strangler.dead_letter')).rowCount).toBe(0);
  await running();
  await untilCaughtUp(stores);
  expect((await command('list')).letters).toHaveLength(1);
  expect(await names()).toEqual({ 2: 'sound' });

  await stores.target.query('ALTER TABLE item DROP CONSTRAINT sound');
  const victim = cdc(['dead-letters', 'replay', '--all'], { STRANGLER_CDC_FAILPOINT: 'replay' });
  expect(await victim.ended).toBe('SIGKILL');
  expect((await command('list')).letters).toHaveLength(1);
  expect((await command('replay', '--all')).status).toBe(0);
  expect(await names()).toEqual({ 1: 'poison', 2: 'sound' });
});

test('status and metrics tell how much is parked', async () => {
  stores = await createStores(SOURCE, TARGET);
  const process = await running({ STRANGLER_CDC_IDLE_MS: String(NEVER) });
  await stores.source.query("INSERT INTO item VALUES (1, 'poison')");
  await stores.source.query("UPDATE item SET name = 'waits'");
  await until('both are parked', async () => (await command('list')).letters.length === 2);
  const base = /http:\/\/127\.0\.0\.1:\d+/.exec(process.output())![0];
  const metrics = await (await fetch(`${base}/metrics`)).text();
  expect(metrics).toMatch(/strangler_cdc_parked_keys\{[^}]*\} 1\n/);
  expect(metrics).toMatch(/strangler_cdc_parked_events\{[^}]*\} 2\n/);
  const status = cdc(['status', '--json']);
  await status.ended;
  expect(JSON.parse(status.stdout()).streams[0].dead_letters).toEqual({ keys: 1, events: 2 });
});

test('a key that is replayed while it is being written ends as its source has it', async () => {
  stores = await createStores(SOURCE, TARGET);
  const stream = stores.start([items], { heartbeatMs: 50, idleMs: 50 });
  await untilState(stream, 'streaming');
  const writer = await stores.session('source');
  let going = true;
  const writing = (async () => {
    await writer.query("INSERT INTO item VALUES (1, 'poison')");
    for (let n = 0; going; n++) await writer.query('UPDATE item SET name = $1 WHERE id = 1', [`n${n}`]);
  })();
  const operator = await stores.session('target');
  const name = { capability: stores.capability, direction: 'forward' } as const;
  await until('the key is parked', async () => (await countLetters(operator, name)).events > 0);
  await stores.target.query('ALTER TABLE item DROP CONSTRAINT sound');
  const { migration } = stream;
  const course = courseOf({ migration, sourceUrl: stores.sourceUrl, targetUrl: stores.targetUrl }, 'forward');
  const options = { client: operator, stream: name, ids: undefined, dryRun: false, course };
  for (let replay = 0; replay < 5; replay++) {
    await until('the stream has seen the last replay', () => stream.monitor.status().state === 'streaming');
    await replayLetters(options);
  }
  going = false;
  await writing;
  await untilCaughtUp(stores);
  expect((await countLetters(operator, name)).events).toBe(0);
  expect(await rowsOf(stores.target, 'item')).toMatchObject([
    { name: ((await rowsOf(stores.source, 'item')) as { name: string }[])[0]!.name },
  ]);
});
