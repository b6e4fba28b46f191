import { randomUUID } from 'node:crypto';
import { chmod, chown, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@strangler/stack/free-port';
import { serverAccount } from '@strangler/stack/postgres';
import pg from 'pg';
import { guard } from 'strangler-migrations/workflow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';

/** A server with an asynchronous standby, and a guard in it. */
let folder: string;
let primary: PostgresServer;
let standby: PostgresServer;
let standbyPort: number;
const clients: pg.Client[] = [];

const plan: guard.GuardPlan = {
  capability: 'catalog',
  side: 'monolith',
  owned: [{ schema: 'public', name: 'item' }],
  followed: [],
  ownerRole: 'strangler_guard',
  workflowRole: 'strangler_workflow',
  syncRoles: ['cdc'],
};
const attempt = { capability: 'catalog', epoch: 1, attempt: randomUUID() };
const WRITE = 'UPDATE item SET price = price + 1';

async function connect(server: PostgresServer): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url() });
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return client;
}

const queryOn = (client: pg.Client) => async (sql: string, values: readonly unknown[]) => {
  const result = await client.query(sql, [...values]);
  return Array.isArray(result) ? [] : result.rows;
};

const stateOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );

const startStandby = () =>
  startPostgres(folder, standbyPort, {
    primary_conninfo: `${primary.url()}?application_name=second`,
    primary_slot_name: 'second',
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strangler-failover-'));
  primary = await startPostgres(folder, await freePort());
  const admin = await connect(primary);
  await admin.query(`CREATE TABLE item (id int, price int); INSERT INTO item VALUES (1, 1);
    CREATE ROLE strangler_workflow; CREATE ROLE cdc; SELECT pg_create_physical_replication_slot('second', true)`);
  await guard.installGuard(queryOn(admin), plan);
  await guard.enforce(queryOn(admin), 'catalog', 1);

  standbyPort = await freePort();
  const [from, to] = [join(folder, `postgres-${primary.port}`), join(folder, `postgres-${standbyPort}`)];
  await admin.query(`SELECT pg_backup_start('standby', true)`);
  await cp(from, to, { recursive: true, preserveTimestamps: true, filter: (path) => !path.endsWith('postmaster.pid') });
  const { rows } = await admin.query('SELECT labelfile FROM pg_backup_stop(false)');
  await writeFile(join(to, 'backup_label'), rows[0].labelfile);
  await writeFile(join(to, 'standby.signal'), '');
  await handOver(to);
  standby = await startStandby();
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end().catch(() => {})));
  await standby?.stop();
  await primary?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** To the account that the server runs as. */
async function handOver(path: string): Promise<void> {
  const account = serverAccount();
  const entries = ['.', ...(await readdir(path, { recursive: true }))];
  if (account) for (const entry of entries) await chown(join(path, entry), account.uid, account.gid);
  await chmod(path, 0o700);
}

const flushed = async (client: pg.Client) =>
  (await client.query('SELECT standby, flushed FROM strangler.guard_standbys(pg_current_wal_insert_lsn())')).rows;

test('a flip waits for the standby, refuses while one is away, and what a standby has forgotten opens nothing', async () => {
  const admin = await connect(primary);
  const query = queryOn(admin);
  await expect.poll(() => flushed(admin), { timeout: 30_000 }).toEqual([{ standby: 'second', flushed: true }]);

  // The standby goes away, and does not hear of the fence.
  await standby.stop();
  await guard.fence(query, attempt, 120_000);
  const refused = await guard.flip(query, attempt, 100).catch((error) => error);
  expect(refused).toMatchObject({ code: 'ST104', message: expect.stringContaining('slot second') });

  // Somebody says that it will not come back.
  await admin.query(`SELECT pg_drop_replication_slot('second')`);
  expect(await guard.flip(query, attempt, 100)).toMatchObject({ state: 'closed', epoch: 2 });

  // And promotes it all the same.
  await primary.stop();
  standby = await startStandby();
  const survivor = await connect(standby);
  await survivor.query('SELECT pg_promote()');
  const forgotten = await guard.readGuard(queryOn(survivor), 'catalog');
  expect(forgotten).toMatchObject({
    shut: true,
    row: { state: 'open', epoch: 1, timeline: 1 },
    history: expect.stringMatching(/\/2$/),
  });
  expect(await stateOf(survivor.query(WRITE)), 'a side that has forgotten its fence').toBe('ST004');
  expect(await stateOf(guard.fence(queryOn(survivor), { ...attempt, attempt: randomUUID() }, 9_000))).toBe('ST004');

  const opened = { state: 'open', epoch: 2, attempt: attempt.attempt, shut: false, history: 'other/1' } as const;
  const decision = guard.decide({
    monolith: { ...forgotten!.row, shut: forgotten!.shut, history: forgotten!.history },
    service: opened,
  });
  expect(decision).toMatchObject({ kind: 'confirm-closed', side: 'monolith', epoch: 2 });
  await guard.reaffirm(queryOn(survivor), forgotten!.row, { state: 'closed', epoch: 2, attempt: attempt.attempt });
  expect(await stateOf(survivor.query(WRITE))).toBe('ST001');
});
