import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runLauncher } from '../support/run-launcher.ts';
import { isRunning, type RunningStack, startStack } from '../support/running-stack.ts';
import { until } from '../support/until.ts';

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await stack?.stop();
  await rm(stack.state, { recursive: true, force: true });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('every address of the ready line answers', async () => {
  const { shop, monolith, catalog, flags, proxy_admin, cdc } = stack.urls;
  for (const url of [
    shop,
    monolith,
    `${catalog}/readyz`,
    `${flags}/health`,
    `${proxy_admin}/readyz`,
    `${cdc}/readyz`,
  ]) {
    expect((await fetch(url)).status, url).toBe(200);
  }
  expect((await fetch(shop)).headers.get('x-served-by')).toBe('monolith');
});

test('the databases of the ready line are those of shop and service, and the service has the products already', async () => {
  const [source] = await query(
    stack.databases.monolith,
    'SELECT count(*)::int AS products FROM prod WHERE prod_st <> 9',
  );
  const [target] = await query(
    stack.databases.catalog,
    "SELECT count(*)::int AS products FROM product WHERE status <> 'deleted'",
  );
  expect(target).toEqual(source);
});

test('nobody but its owner may read what the state folder keeps secret', async () => {
  for (const name of ['credentials.json', 'stack.json', 'processes.json']) {
    expect((await stat(join(stack.state, name))).mode & 0o777, name).toBe(0o600);
  }
});

test('a second launcher on the same state is refused, with the pid of the first', async () => {
  const { status, stderr } = await runLauncher({ ...stack.env, STRANGLER_PORT_BASE: String(stack.portBase + 40) });
  expect(status).toBe(1);
  expect(stderr).toContain(`A launcher already runs on ${stack.state} (pid ${stack.launcher.pid})`);
});

test.each(['cdc', 'unleash', 'postgres-services', 'monolith', 'proxy'])(
  '%s comes back when it is killed, and the screen says so',
  async (part) => {
    const killed = await stack.kill(part);
    const pid = await until(
      () => stack.pid(part),
      (now) => now !== undefined && now !== killed,
      { withinMs: 60_000 },
    );
    expect(pid).not.toBe(killed);
    expect(stack.output()).toMatch(new RegExp(`${part} +ended \\(SIGKILL\\), starting it again`));
    // It has a process id before it is ready.
    await until(stack.output, (output) => new RegExp(`${part} +back after`).test(output), { withinMs: 60_000 });
  },
);

test('SIGTERM stops each part after those that need it, and the exit status is 0', async () => {
  await until(
    () => stack.pid('postgres-monolith'),
    (pid) => pid !== undefined,
    { withinMs: 60_000 },
  );
  const { pids } = JSON.parse(await readFile(join(stack.state, 'stack.json'), 'utf8'));
  expect(await stack.stop({ keepState: true })).toBe(0);
  const order = [...stack.output().matchAll(/^(\S+) +stopped/gm)].map(([, name]) => name);
  const before = (first: string, second: string) =>
    expect(order.indexOf(first), `${first} before ${second}`).toBeLessThan(order.indexOf(second));
  before('proxy', 'monolith');
  before('cdc', 'postgres-monolith');
  before('cdc', 'postgres-services');
  before('monolith', 'postgres-monolith');
  before('catalog', 'postgres-services');
  before('unleash', 'postgres-services');
  expect(Object.values(pids as Record<string, number>).filter(isRunning)).toEqual([]);
  await expect(stat(join(stack.state, 'stack.json'))).rejects.toThrow();
});

test('started again, it goes on with the data and the credentials it had', async () => {
  const password = stack.flagsPassword;
  const again = await startStack({ state: stack.state, portBase: stack.portBase });
  stack = again;
  await query(again.databases.monolith, 'CREATE TABLE kept (note text)');
  await again.stop();
  stack = await startStack({ state: again.state, portBase: again.portBase });
  expect(await query(stack.databases.monolith, 'SELECT * FROM kept')).toEqual([]);
  expect(stack.flagsPassword).toBe(password);
});

test('an Unleash that cannot start does not hold up the shop', async () => {
  const credentials = JSON.parse(await readFile(join(stack.state, 'credentials.json'), 'utf8'));
  const superuser = new URL(stack.databases.catalog);
  Object.assign(superuser, { username: 'postgres', password: credentials.databaseRoles.postgres });
  await query(superuser.href, 'ALTER ROLE unleash CONNECTION LIMIT 0');
  await stack.stop();
  stack = await startStack({ state: stack.state, portBase: stack.portBase });
  expect(stack.notReady).toEqual(['unleash', 'flags']);
  expect((await fetch(stack.urls.shop)).status).toBe(200);

  await query(superuser.href, 'ALTER ROLE unleash CONNECTION LIMIT -1');
  await until(
    () =>
      fetch(`${stack.urls.flags}/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    (ok) => ok,
    { withinMs: 100_000 },
  );
});
