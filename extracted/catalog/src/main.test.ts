import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createDatabase, type TestDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase('catalog');
});
afterAll(() => database.drop());

const FOLDER = fileURLToPath(new URL('../', import.meta.url));

function run(program: string, environment: Record<string, string>): ChildProcess {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [program], { cwd: FOLDER, env: { PATH, ...environment } });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function ended(child: ChildProcess) {
  const [[code], out, error] = await Promise.all([once(child, 'exit'), text(child.stdout!), text(child.stderr!)]);
  return { code, out, error };
}

test('what is wrong with the environment is told at once, and no secret of it', async () => {
  const environment = { DATABASE_URL: 'mysql://shop:hush@db/shop', PORT: 'http', IDENTITY_SECRET: 'hush' };
  const { code, out, error } = await ended(run('src/main.ts', environment));
  expect(code).toBe(1);
  expect(out).toBe('');
  expect(error).toBe(
    'The environment is not right:\n' +
      '  DATABASE_URL: must be a postgres:// URL\n' +
      '  IDENTITY_SECRET: must have at least 32 characters\n' +
      '  PORT: must be a whole number from 0 to 65535\n',
  );
});

test('a port that is taken is told in one line', async () => {
  const taken = new URL(database.url).port;
  const { code, error } = await ended(run('src/main.ts', { DATABASE_URL: database.url, PORT: taken }));
  expect(code).toBe(1);
  expect(error).toMatch(new RegExp(`^cannot listen on 127.0.0.1, port ${taken} .*: set HOST and PORT .*\\n$`));
});

test('the service is migrated, started, and stopped by SIGTERM with a request in flight', async () => {
  expect(await ended(run('src/migrate.ts', { DATABASE_URL: database.url }))).toEqual({
    code: 0,
    out: 'Applied 20260901090000_init.\n',
    error: '',
  });
  expect((await ended(run('src/migrate.ts', { DATABASE_URL: database.url }))).out).toBe(
    'The database is up to date.\n',
  );

  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  onTestFinished(() => sql.end());
  const child = run('src/main.ts', { DATABASE_URL: database.url, PORT: '0' });
  const exit = once(child, 'exit');
  const lines: Record<string, unknown>[] = [];
  createInterface(child.stdout!).on('line', (line) => lines.push(JSON.parse(line)));
  await vi.waitFor(() => expect(lines[0]).toMatchObject({ level: 'info', msg: 'listening' }), { timeout: 20_000 });
  const url = String(lines[0]?.url);

  await sql.query('BEGIN; LOCK TABLE product');
  const slow = fetch(`${url}/api/products`);
  await vi.waitFor(async () => {
    const { rows } = await sql.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'product'::regclass");
    expect(rows).toHaveLength(1);
  });
  child.kill('SIGTERM');
  await vi.waitFor(() => expect(lines.at(-1)).toMatchObject({ msg: 'stopping' }));
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
  await sql.query('ROLLBACK');
  expect(await (await slow).text()).toBe('{"page":1,"pages":0,"per_page":24,"total":"0","products":[]}');
  expect(await exit).toEqual([0, null]);
  expect(lines.at(-1)).toMatchObject({ msg: 'stopped' });
});

test('the service starts without its database, and says what it misses', async () => {
  const child = run('src/main.ts', {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
    PORT: '0',
    LOG_LEVEL: 'info',
  });
  const exit = once(child, 'exit');
  const [line] = await once(createInterface(child.stdout!), 'line');
  const { url } = JSON.parse(line);
  const ready = await fetch(`${url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ checks: { database: expect.stringContaining('ECONNREFUSED') } });
  child.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
});
