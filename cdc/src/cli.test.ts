import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { installGuard, moveOwner } from './testing/ownership.ts';
import { type CdcProcess, startCdc, untilLogged } from './testing/process.ts';
import { createStores, rowsOf, type Stores, until, untilCaughtUp } from './testing/stores.ts';

const SOURCE = `
  CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra text);
  CREATE TABLE event (id integer PRIMARY KEY, item_id integer)`;
const TARGET = `
  CREATE TABLE item (id integer PRIMARY KEY, name text, body text, extra jsonb);
  CREATE TABLE event (id integer PRIMARY KEY, item_id integer)`;

let stores: Stores;
const processes: CdcProcess[] = [];
const roles: string[] = [];
afterEach(async () => {
  for (const each of processes.splice(0)) {
    each.child.kill('SIGKILL');
    await each.ended;
  }
  for (const role of roles.splice(0)) {
    for (const client of [stores.source, stores.target]) await client.query(`DROP OWNED BY "${role}"`);
    await stores.source.query(`DROP ROLE "${role}"`);
  }
  await stores.end();
});

function cdc(args: readonly string[], env: NodeJS.ProcessEnv = {}): CdcProcess {
  const started = startCdc(stores, args, env);
  processes.push(started);
  return started;
}

async function result(process: CdcProcess): Promise<{ status: number | string; stdout: string; stderr: string }> {
  return { status: await process.ended, stdout: process.stdout(), stderr: process.output() };
}

test('what is wrong with the environment is said all at once, without showing a value', async () => {
  stores = await createStores('', '');
  const { status, stderr } = await result(
    cdc(['run'], { STRANGLER_DATABASE_MONOLITH: 'mysql://secret', STRANGLER_DATABASE_SERVICE: undefined, PORT: 'x' }),
  );
  expect(status).toBe(1);
  expect(stderr).toContain('STRANGLER_DATABASE_MONOLITH has to be a postgres:// URL');
  expect(stderr).toContain('STRANGLER_DATABASE_SERVICE is not set');
  expect(stderr).toContain('PORT has to be a whole number');
  expect(stderr).not.toContain('secret');
});

test('without any database set and without a running system, status says both, and where it looked', async () => {
  stores = await createStores('', '');
  const none = { STRANGLER_DATABASE_MONOLITH: undefined, STRANGLER_DATABASE_SERVICE: undefined };
  const { status, stdout, stderr } = await result(cdc(['status'], { ...none, STRANGLER_STATE: '/no/such/state' }));
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toContain('STRANGLER_DATABASE_MONOLITH and STRANGLER_DATABASE_<SERVICE> are not set');
  expect(stderr).toContain('/no/such/state/stack.json is not there; a running "npm start" writes it');
});

test('help begins with examples; an unknown command is an error that names it', async () => {
  stores = await createStores('', '');
  const help = await result(cdc(['--help']));
  expect(help.status).toBe(0);
  expect(help.stdout.split('\n')[2]).toMatch(/^ {2}npx cdc doctor/);
  const wrong = await result(cdc(['fly']));
  expect([wrong.status, wrong.stdout]).toEqual([1, '']);
  expect(wrong.stderr).toContain('"fly"');
});

test('doctor finds what is wanting, gives the statement that mends it, and is content once it has run', async () => {
  stores = await createStores(`${SOURCE}; ALTER TABLE item REPLICA IDENTITY NOTHING`, TARGET);
  const sick = await result(cdc(['doctor', '--json']));
  expect(sick.status).toBe(2);
  const { checks } = JSON.parse(sick.stdout) as { checks: { name: string; outcome: string; mend: string }[] };
  const wanting = checks.filter((check) => check.outcome === 'wanting');
  expect(wanting.map((check) => check.name)).toEqual(['replica identity of public.item']);
  await stores.source.query(wanting[0]!.mend);
  const well = await result(cdc(['doctor']));
  expect(well.status).toBe(0);
  expect(well.stdout).toContain('Nothing is wanting.');
});

test('with the roles that it prints, and no other right, the whole stream runs', async () => {
  stores = await createStores(SOURCE, TARGET);
  const { stdout } = await result(cdc(['roles']));
  const password = randomBytes(8).toString('hex');
  const [inMonolith, inService] = stdout.replaceAll('choose one', password).split(/^(?=-- \w+: in the service)/m);
  roles.push(`${stores.slot}_sync`);
  await stores.source.query(inMonolith!);
  // Both databases of the tests are one server's, which has a role but once.
  await stores.target.query(inService!.replace(/^CREATE ROLE.*$/m, ''));
  const as = (url: string, role: string) => {
    const changed = new URL(url);
    changed.username = role;
    changed.password = password;
    return changed.href;
  };
  const env = {
    STRANGLER_DATABASE_MONOLITH: as(stores.sourceUrl, roles[0]!),
    STRANGLER_DATABASE_SERVICE: as(stores.targetUrl, roles[0]!),
  };
  expect((await result(cdc(['doctor'], env))).stdout).toContain('Nothing is wanting.');
  await stores.source.query("INSERT INTO item VALUES (1, 'loaded')");
  const running = cdc(['run'], env);
  await untilLogged(running, 'streaming');
  await stores.source.query("INSERT INTO item VALUES (2, 'streamed'); DELETE FROM item WHERE id = 1; TRUNCATE event");
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toMatchObject([{ id: 2, name: 'streamed' }]);
  expect(running.output()).not.toContain('"level":40');

  await installGuard(stores);
  for (const side of [stores.source, stores.target]) {
    const publication = side === stores.source ? stores.slot : `${stores.slot}_reverse`;
    await side.query(`ALTER PUBLICATION ${publication} ADD TABLE strangler.marker`);
  }
  await until('the reverse stream has begun', async () => {
    return (await stores.source.query(`SELECT FROM strangler.stream WHERE direction = 'reverse'`)).rowCount === 1;
  });
  await moveOwner(stores, 'forward', 1);
  await stores.target.query("UPDATE item SET name = 'by the service'");
  await untilCaughtUp(stores, 'reverse');
  expect(await rowsOf(stores.source, 'item')).toMatchObject([{ id: 2, name: 'by the service' }]);
});

test('status and the pages of the process tell position, lag and state', async () => {
  stores = await createStores(SOURCE, TARGET);
  const before = JSON.parse((await result(cdc(['status', '--json']))).stdout);
  expect(before.streams).toMatchObject([{ capability: stores.capability, state: 'not loaded', position: null }]);

  const running = cdc(['run']);
  await untilLogged(running, 'streaming');
  const base = /http:\/\/127\.0\.0\.1:\d+/.exec(running.output())![0];
  await stores.source.query("INSERT INTO item VALUES (1, 'a'), (2, 'b')");
  await untilCaughtUp(stores);
  const page = async (path: string) => {
    const response = await fetch(base + path);
    return { status: response.status, body: await response.text() };
  };
  expect(await page('/livez')).toEqual({ status: 200, body: '{"status":"ok"}' });
  expect(await page('/readyz')).toEqual({ status: 200, body: '{"status":"ok","reasons":[]}' });
  const [stream] = await until('the lag is known and none is left', async () => {
    const { streams } = JSON.parse((await page('/status')).body);
    return streams[0].lag_seconds === 0 && streams;
  });
  expect(stream).toMatchObject({
    ...{ capability: stores.capability, direction: 'forward', state: 'streaming', reason: null },
    ...{ rows_applied: 2, transactions_applied: 1 },
  });
  const { body: metrics } = await page('/metrics');
  const labels = `capability="${stores.capability}",direction="forward"`;
  expect(metrics).toContain(`strangler_cdc_rows_applied_total{${labels}} 2`);
  expect(metrics).toContain(`strangler_cdc_state{${labels},state="streaming"} 1`);

  const after = JSON.parse((await result(cdc(['status', '--json']))).stdout);
  expect(after.streams).toMatchObject([{ state: 'streaming', lag_seconds: 0, notes: [] }]);

  await stores.target.query('ALTER TABLE item RENAME TO hidden');
  await stores.source.query("INSERT INTO item VALUES (3, 'c')");
  await until('it is not ready', async () => (await page('/readyz')).status === 503);
  expect((await page('/readyz')).body).toContain('item');
});

test('a port that is taken is an error before anything starts', async () => {
  stores = await createStores(SOURCE, TARGET);
  const { port } = new URL(stores.sourceUrl);
  const { status, stderr } = await result(cdc(['run'], { PORT: port }));
  expect(status).toBe(1);
  expect(stderr).toContain('EADDRINUSE');
  const client = new pg.Client({ connectionString: stores.sourceUrl });
  await client.connect();
  expect((await client.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [stores.slot])).rowCount).toBe(0);
  await client.end();
});
