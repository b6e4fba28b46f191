import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startUpstream, until } from './test-support/servers.ts';

const PROGRAM = fileURLToPath(new URL('./cli.ts', import.meta.url));

const MIGRATION = `export default {
  capability: 'catalog', service: 'catalog', tables: [], follows: [],
  routes: [{ id: 'item', kind: 'read', method: 'GET', path: '/items/:id', compare: [] }],
};`;

interface Run {
  readonly child: ChildProcess;
  /** Everything it said so far. */
  said(): string;
  /** Resolves with its exit status. */
  readonly ended: Promise<number | null>;
}

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-proxy-'));
  await mkdir(join(folder, 'migrations', 'catalog'), { recursive: true });
  await writeFile(join(folder, 'migrations', 'catalog', 'migration.js'), MIGRATION);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', PORT: '0', ADMIN_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  const ended = once(child, 'close').then(([status]) => status as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  return { child, said: () => said, ended };
}

async function ready({ said, child }: Run): Promise<{ url: string; admin: string }> {
  await until(() => said().includes('"msg":"ready"') || child.exitCode !== null, 20_000);
  const line = said()
    .split('\n')
    .find((each) => each.includes('"msg":"ready"'));
  if (line === undefined) throw new Error(`It ended:\n${said()}`);
  return JSON.parse(line);
}

test('--help explains itself and does nothing else', async () => {
  const { said, ended } = await run(['--help']);
  expect(await ended).toBe(0);
  expect(said()).toMatch(/^strangler-proxy serves [\s\S]*Examples[\s\S]*--upstream <name=urls>/);
});

test('what it was told wrongly is told back, all of it, and it does not start', async () => {
  const { said, ended } = await run(['--nope'], { LOG_LEVEL: 'loud' });
  expect(await ended).toBe(1);
  expect(said()).toMatch(/cannot start:\n {2}--nope.*\n {2}LOG_LEVEL.*\n {2}STRANGLER_UPSTREAM_MONOLITH is missing/);
});

test('a migration whose service has no upstream is told, and does not start', async () => {
  const { said, ended } = await run(['--upstream', 'monolith=http://127.0.0.1:1']);
  expect(await ended).toBe(1);
  expect(said()).toContain('upstream catalog is missing: the migration catalog names it');
});

test('it serves without its flag server, keeps admin off the public port, and on SIGTERM ends what is under way', async () => {
  let answer: (() => void) | undefined;
  const monolith = await startUpstream((request, response) => {
    if (request.url === '/slow') answer = () => response.end('slow but whole');
    else response.end(`monolith ${request.url}`);
  });
  const started = await run(['--upstream', `monolith=${monolith.url}`, '--upstream', 'catalog=http://127.0.0.1:1'], {
    UNLEASH_URL: 'http://127.0.0.1:1/api',
    UNLEASH_TOKEN: 'a-secret-token',
  });
  const { url, admin } = await ready(started);
  expect(await (await fetch(`${url}/items/7`)).text()).toBe('monolith /items/7');
  expect(await (await fetch(`${url}/metrics`)).text()).toBe('monolith /metrics');
  expect(await (await fetch(`${admin}/readyz`)).json()).toMatchObject({ status: 'ready' });
  expect(await (await fetch(`${admin}/metrics`)).text()).toContain('strangler_proxy_flags_state{state="none"} 1');

  const slow = fetch(`${url}/slow`);
  await until(() => answer !== undefined);
  started.child.kill('SIGTERM');
  await until(async () => (await fetch(`${admin}/readyz`)).status === 503);
  await expect(fetch(`${url}/late`)).rejects.toThrow();
  answer?.();
  expect(await (await slow).text()).toBe('slow but whole');
  expect(await started.ended).toBe(0);
  const requests = started
    .said()
    .split('\n')
    .filter((line) => line.includes('"msg":"request"'));
  expect(requests.map((line) => JSON.parse(line).path)).toEqual(['/items/7', '/metrics', '/slow']);
  expect(JSON.parse(requests[0] as string)).toMatchObject({
    route: 'catalog.item',
    upstream: 'monolith',
    why: 'off',
    status: 200,
  });
  expect(started.said()).not.toContain('a-secret-token');
});

test('a busy port is told by the variable that moves it', async () => {
  const other = await startUpstream(() => {});
  const { said, ended } = await run([
    '--port',
    String(other.port),
    '--upstream',
    'monolith=http://127.0.0.1:1',
    '--upstream',
    'catalog=http://127.0.0.1:1',
  ]);
  expect(await ended).toBe(1);
  expect(said()).toContain(`port ${other.port} of 127.0.0.1 is in use: stop what uses it, or set PORT`);
});
