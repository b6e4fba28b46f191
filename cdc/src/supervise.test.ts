import { afterEach, expect, test } from 'vitest';
import { installGuard, moveOwner } from './testing/ownership.ts';
import { type CdcProcess, startCdc, untilLogged } from './testing/process.ts';
import { createStores, rowsOf, type Stores, until, untilCaughtUp } from './testing/stores.ts';

const TABLES = 'CREATE TABLE event (id integer PRIMARY KEY, item_id integer)';
const SOURCE = `CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra text); ${TABLES}`;
const TARGET = `CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra jsonb); ${TABLES}`;

let stores: Stores;
let running: CdcProcess | undefined;
afterEach(async () => {
  running?.child.kill('SIGKILL');
  await running?.ended;
  await stores.end();
});

async function started(): Promise<CdcProcess> {
  stores = await createStores(SOURCE, TARGET);
  running = startCdc(stores);
  await untilLogged(running, 'streaming');
  return running;
}

const slots = async () => {
  const { rows } = await stores.source.query(
    'SELECT slot_name FROM pg_replication_slots WHERE starts_with(slot_name, $1) ORDER BY 1',
    [stores.slot],
  );
  return rows.map((row) => row.slot_name as string);
};

const publications = async () => {
  const sql = `SELECT pubname FROM pg_publication WHERE starts_with(pubname, 'strangler_')`;
  const [one, other] = [await stores.source.query(sql), await stores.target.query(sql)];
  return one.rowCount! + other.rowCount!;
};

async function untilBothStream(process: CdcProcess): Promise<string> {
  const base = /http:\/\/127\.0\.0\.1:\d+/.exec(process.output())![0];
  await until('both stream', async () => {
    const { streams } = (await (await fetch(`${base}/status`)).json()) as { streams: { state: string }[] };
    return streams.length === 2 && streams.every(({ state }) => state === 'streaming');
  });
  await until('both publications carry the markers', async () => {
    const sql = `SELECT FROM pg_publication_tables WHERE tablename = 'marker'`;
    return (await stores.source.query(sql)).rowCount === 1 && (await stores.target.query(sql)).rowCount === 1;
  });
  return base;
}

test('the way back begins with the guard; once the capability is retired both ways end and hold nothing more', async () => {
  const process = await started();
  expect(await slots()).toEqual([stores.slot]);
  await installGuard(stores);
  const base = await untilBothStream(process);
  await moveOwner(stores, 'forward', 1);
  await stores.target.query(`INSERT INTO item VALUES (1, 'by the service', 'b', NULL)`);
  await untilCaughtUp(stores, 'reverse');
  expect(await rowsOf(stores.source, 'item')).toHaveLength(1);

  await stores.target.query('UPDATE strangler.guard SET retired_at = now()');
  await until('the slots are gone', async () => (await slots()).length === 0);
  await until('the publications are gone', async () => (await publications()) === 0);
  await untilLogged(process, 'retired: both streams have ended');
  expect((await fetch(`${base}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${base}/metrics`)).text()).toMatch(/direction="reverse",state="retired"\} 1/);
});

test('a guard that is taken out of both databases takes the way back with it, as if there had been none', async () => {
  const process = await started();
  await installGuard(stores);
  await untilBothStream(process);
  // One that is missing on one side alone was lost there, and says nothing.
  await stores.target.query('DELETE FROM strangler.guard');
  await stores.source.query(`INSERT INTO item VALUES (1, 'still flows', 'b', NULL)`);
  await untilCaughtUp(stores);
  expect(await slots()).toEqual([stores.slot, `${stores.slot}_reverse`]);
  await stores.source.query('DROP TABLE strangler.guard, strangler.marker');
  await stores.target.query('DROP TABLE strangler.guard, strangler.marker');
  await until('the way back is gone', async () => (await slots()).length === 1);
  await until('its record is gone', async () => {
    return (await stores.source.query(`SELECT FROM strangler.stream WHERE direction = 'reverse'`)).rowCount === 0;
  });
  await stores.source.query(`INSERT INTO item VALUES (2, 'flows on', 'b', NULL)`);
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toHaveLength(2);
});
