import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runLauncher } from '../support/run-launcher.ts';
import { freePortBase } from '../support/running-stack.ts';

let state: string;
let env: NodeJS.ProcessEnv;
let portBase: number;
const servers: Server[] = [];

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'strangler-preflight-'));
  portBase = await freePortBase();
  env = { ...process.env, STRANGLER_STATE: state, STRANGLER_PORT_BASE: String(portBase), NO_COLOR: '1' };
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(state, { recursive: true, force: true });
});

async function occupy(port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
}

test('a busy port is named with its part, who has it, and the way around', async () => {
  await occupy(portBase + 2);
  const { status, stdout, stderr } = await runLauncher(env);
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain(`Port ${portBase + 2}, for unleash, is in use by `);
  expect(stderr).toContain(`(pid ${process.pid})`);
  expect(stderr).toMatch(/STRANGLER_PORT_BASE=\d+ npm start/);
});

test('a cluster without PG_VERSION and damaged credentials are both told, before anything starts', async () => {
  await mkdir(join(state, 'postgres-monolith/base'), { recursive: true });
  if (process.getuid?.() === 0) await chown(join(state, 'postgres-monolith'), 65_534, 65_534);
  await writeFile(join(state, 'credentials.json'), '{"databaseRoles": ');
  const { status, stderr } = await runLauncher(env);
  expect(status).toBe(1);
  expect(stderr).toMatch(/1\. The state folder is damaged: .*postgres-monolith has no PG_VERSION/);
  expect(stderr).toMatch(/2\. The state folder is damaged: .*credentials\.json is not what was written there/);
  expect(stderr).toContain('npm run reset');
});

test('a cluster of another major version is told', async () => {
  await mkdir(join(state, 'postgres-services'), { recursive: true });
  await writeFile(join(state, 'postgres-services/PG_VERSION'), '16\n');
  if (process.getuid?.() === 0) await chown(join(state, 'postgres-services'), 65_534, 65_534);
  const { status, stderr } = await runLauncher(env);
  expect(status).toBe(1);
  expect(stderr).toContain('was made by PostgreSQL 16; this is PostgreSQL 18');
  expect(stderr).toContain('credentials.json is gone');
});

test('a state folder that is a file is told', async () => {
  const file = join(state, 'file');
  await writeFile(file, '');
  const { status, stderr } = await runLauncher({ ...env, STRANGLER_STATE: file });
  expect(status).toBe(1);
  expect(stderr).toContain(`${file} is a file`);
});

// Root may write everywhere, so root asks as somebody else.
test('a state folder that this user may not write is told', async () => {
  await chmod(state, 0o555);
  const account = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const { status, stderr } = await runLauncher(env, account);
  expect(status).toBe(1);
  expect(stderr).toMatch(/The state folder .* cannot be written by this user/);
});

test('a port base that is no number is told', async () => {
  const { status, stderr } = await runLauncher({ ...env, STRANGLER_PORT_BASE: 'four thousand' });
  expect(status).toBe(1);
  expect(stderr).toContain('STRANGLER_PORT_BASE has to be a number from 1 to 65524, not "four thousand"');
});

test('reset deletes what a launcher made and nothing else', async () => {
  await writeFile(join(state, 'credentials.json'), '{}');
  await writeFile(join(state, 'letter.txt'), 'mine');
  await mkdir(join(state, 'postgres-services.initialising.a1b2c3/cluster'), { recursive: true });
  const { status, stdout } = await runLauncher(env, { program: 'reset.ts' });
  expect(status).toBe(0);
  expect(stdout).toBe(`Deleted from ${state}: credentials.json, postgres-services.initialising.a1b2c3\n`);
  expect(await readdir(state)).toEqual(['letter.txt']);
  expect((await runLauncher(env, { program: 'reset.ts' })).stdout).toBe(`Nothing to delete in ${state}.\n`);
});

test("reset of a folder that is another user's says so, and deletes nothing", async () => {
  await writeFile(join(state, 'launcher.json'), '{}');
  // Anybody but root cannot give a file away, and takes the right to read from himself.
  await chmod(join(state, 'launcher.json'), process.getuid?.() === 0 ? 0o600 : 0);
  await mkdir(join(state, 'logs'));
  await chmod(state, 0o777);
  const account = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const { status, stdout, stderr } = await runLauncher(env, { program: 'reset.ts', ...account });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toBe(
    `${join(state, 'launcher.json')} cannot be deleted by this user.\nFix: run it as the user who ran "npm start" there (root or not).\n`,
  );
  expect(await readdir(state)).toEqual(['launcher.json', 'logs']);
});
