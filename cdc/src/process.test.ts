import { afterEach, expect, test } from 'vitest';
import { type CdcProcess, startCdc, untilLogged } from './testing/process.ts';
import { createStores, rowsOf, type Stores, until, untilCaughtUp } from './testing/stores.ts';

const SOURCE = `
  CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra text);
  CREATE TABLE event (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item_id integer)`;
/** The target counts each write of an event: one that is applied twice shows. */
const TARGET = `
  CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra jsonb);
  CREATE TABLE event (id integer PRIMARY KEY, item_id integer);
  CREATE TABLE applied (event_id integer);
  CREATE FUNCTION count_event() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO applied VALUES (NEW.id); RETURN NULL; END';
  CREATE TRIGGER counted AFTER INSERT OR UPDATE ON event FOR EACH ROW EXECUTE FUNCTION count_event()`;

let stores: Stores;
const processes: CdcProcess[] = [];
afterEach(async () => {
  for (const each of processes.splice(0)) {
    each.child.kill('SIGKILL');
    await each.ended;
  }
  await stores.end();
});

function start(env: NodeJS.ProcessEnv = {}): CdcProcess {
  const started = startCdc(stores, ['run'], env);
  processes.push(started);
  return started;
}

async function expectEqual(): Promise<void> {
  await untilCaughtUp(stores);
  const items = (await rowsOf(stores.source, 'item')) as { extra: string | null }[];
  const mapped = items.map((item) => ({ ...item, extra: item.extra === null ? null : { text: item.extra } }));
  expect(await rowsOf(stores.target, 'item')).toEqual(mapped);
  expect(await rowsOf(stores.target, 'event')).toEqual(await rowsOf(stores.source, 'event'));
  const doubled = await stores.target.query('SELECT event_id FROM applied GROUP BY event_id HAVING count(*) <> 1');
  expect(doubled.rows).toEqual([]);
}

/** Writes at random until told to stop: inserts, updates, deletes, key changes, large values, rollbacks, savepoints. */
async function write(seed: number, going: () => boolean): Promise<void> {
  const client = await stores.session('source');
  let state = seed;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const key = () => seed * 1_000 + random(50);
  const statements = [
    () => `INSERT INTO item VALUES (${key()}, 'n${random(9)}', NULL, 'e${random(9)}') ON CONFLICT DO NOTHING`,
    () => `UPDATE item SET name = 'u${random(1_000)}' WHERE id = ${key()}`,
    () =>
      `UPDATE item SET body = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 300) n) WHERE id = ${key()}`,
    () => `DELETE FROM item WHERE id = ${key()}`,
    () =>
      `UPDATE item SET id = ${seed * 1_000 + 500 + random(400)}, extra = E'\\\\\\t"' WHERE id = ${key()} AND NOT EXISTS (SELECT FROM item WHERE id > ${seed * 1_000 + 499})`,
    () => `SAVEPOINT s; DELETE FROM item WHERE id < ${key()}; ROLLBACK TO s`,
    () => `INSERT INTO event (item_id) SELECT ${key()} FROM generate_series(1, ${1 + random(20)})`,
  ];
  while (going()) {
    const body = Array.from({ length: 1 + random(6) }, () => statements[random(statements.length)]!());
    const end = random(8) === 0 ? 'ROLLBACK' : 'COMMIT';
    // A changed key may be taken: then the whole transaction is rolled back, which is as good a test.
    await client.query(`BEGIN; ${body.join('; ')}; ${end}`).catch(() => client.query('ROLLBACK'));
  }
}

test('killed again and again while others write, it loses nothing and doubles nothing', async () => {
  stores = await createStores(SOURCE, TARGET);
  let going = true;
  const writers = [write(1, () => going), write(2, () => going)];
  for (let kill = 0; kill < 10; kill++) {
    const victim = start({ LOG_LEVEL: 'debug' });
    await untilLogged(victim, kill % 3 === 0 ? 'connecting' : 'streaming');
    await new Promise((wake) => setTimeout(wake, Math.random() * 250));
    victim.child.kill('SIGKILL');
    expect(await victim.ended).toBe('SIGKILL');
  }
  going = false;
  await Promise.all(writers);
  start();
  await expectEqual();
  expect((await rowsOf(stores.target, 'event')).length).toBeGreaterThan(0);
});

test('killed during the initial load, it begins again and leaves nothing half done', async () => {
  stores = await createStores(
    `${SOURCE}; INSERT INTO item SELECT n, 'n' || n, repeat('x', 100), 'e' FROM generate_series(1, 60000) n`,
    TARGET,
  );
  for (let kill = 0; kill < 2; kill++) {
    const victim = start({ LOG_LEVEL: 'debug' });
    await untilLogged(victim, 'initial load: copying');
    await new Promise((wake) => setTimeout(wake, Math.random() * 100));
    victim.child.kill('SIGKILL');
    await victim.ended;
    await stores.source.query(`UPDATE item SET name = 'between ${kill}' WHERE id % 1000 = ${kill}`);
    expect((await stores.target.query('SELECT FROM item LIMIT 1')).rowCount).toBe(0);
  }
  // Killed with the first table copied and the second one waiting.
  const blocker = await stores.session('target');
  await blocker.query('BEGIN; LOCK TABLE event IN SHARE MODE');
  const victim = start();
  await until('the second table waits', async () => {
    const { rowCount } = await stores.target.query(
      `SELECT FROM pg_locks WHERE NOT granted AND relation = 'event'::regclass`,
    );
    return rowCount === 1;
  });
  expect((await stores.target.query('SELECT FROM item LIMIT 1')).rowCount).toBe(0);
  victim.child.kill('SIGKILL');
  await blocker.query('COMMIT');
  start();
  await until('the load is done', async () => {
    return (await stores.target.query('SELECT FROM strangler.stream')).rowCount === 1;
  });
  await expectEqual();
  const slots = await stores.source.query('SELECT FROM pg_replication_slots WHERE database = current_database()');
  expect(slots.rowCount).toBe(1);
});

test('SIGTERM ends it with status 0, and all that it had applied acknowledged', async () => {
  stores = await createStores(SOURCE, TARGET);
  // Idle positions are not written down: what is acknowledged was a batch.
  const running = start({ STRANGLER_CDC_IDLE_MS: '3600000' });
  await untilLogged(running, 'streaming');
  await stores.source.query(`INSERT INTO event (item_id) SELECT n FROM generate_series(1, 100) n`);
  await until('the events are there', async () => (await rowsOf(stores.target, 'event')).length === 100);
  running.child.kill('SIGTERM');
  expect(await running.ended).toBe(0);
  const { rows: slot } = await stores.source.query(
    'SELECT confirmed_flush_lsn::text AS lsn, active FROM pg_replication_slots WHERE slot_name = $1',
    [stores.slot],
  );
  const { rows: stored } = await stores.target.query('SELECT lsn::text AS lsn FROM strangler.stream');
  expect(slot).toEqual([{ lsn: stored[0].lsn, active: false }]);
});

test('a transaction that is larger than its memory passes through it', async () => {
  stores = await createStores(SOURCE, TARGET.replace(/CREATE TRIGGER.*/s, ''));
  // 200,000 rows of 200 bytes are far more than 48 MiB once they are objects.
  const running = start({ NODE_OPTIONS: '--max-old-space-size=48', STRANGLER_CDC_QUEUE_MIB: '2' });
  await untilLogged(running, 'streaming');
  await stores.source.query(
    `INSERT INTO item SELECT n, 'n', repeat(md5(n::text), 6) FROM generate_series(1, 200000) n`,
  );
  await untilCaughtUp(stores);
  const { rows } = await stores.target.query('SELECT count(*)::int AS rows FROM item');
  expect(rows[0].rows).toBe(200_000);
  expect(running.output()).not.toContain('interrupted');
});
