import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@strangler/stack/testing';
import { expect, onTestFinished, test } from 'vitest';
import { startUpstream, until } from './test-support/servers.ts';

const PROGRAM = fileURLToPath(new URL('./cli.ts', import.meta.url));

const MIGRATION = `export default {
  capability: 'catalog', service: 'catalog', tables: [], follows: [],
  routes: [{ id: 'item', kind: 'read', method: 'GET', path: '/items/:id', compare: [] }],
};`;

interface Run {
  readonly child: ChildProcess;
  /** Where it runs; its declarations are in `migrations`. */
  readonly folder: string;
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
  return { child, folder, said: () => said, ended };
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

test('a new configuration is taken under load: no request fails, and what has begun ends where it began', {
  timeout: 60_000,
}, async () => {
  const named = (name: string) =>
    startUpstream((request, response) => {
      if (request.url === '/slow') release = () => response.end(name);
      else response.end(name);
    });
  let release: (() => void) | undefined;
  const [before, after, service] = [await named('before'), await named('after'), await named('service')];
  onTestFinished(() => void before.server.emit('over'));
  before.server.on('upgrade', (_request, socket) => {
    before.server.once('over', () => socket.destroy());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
  });
  const folder = await mkdtemp(join(tmpdir(), 'strangler-config-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'proxy.env');
  const configure = (monolith: string, more = '') =>
    writeFile(file, `STRANGLER_UPSTREAM_MONOLITH=${monolith}\nSTRANGLER_UPSTREAM_CATALOG=${service.url}\n${more}`);
  await configure(before.url);
  const proxy = await run(['--config', file]);
  const { url, admin } = await ready(proxy);
  const routes = async () =>
    ((await (await fetch(`${admin}/api/routes`)).json()) as { routes: object[] }).routes.length;
  expect(await routes()).toBe(1);

  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let echoed = '';
  socket.on('data', (chunk) => {
    echoed += chunk;
  });
  socket.write('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await until(() => echoed.includes('101 Switching'));
  const slow = fetch(`${url}/slow`).then((answer) => answer.text(), String);
  await until(() => release !== undefined);

  const seen: string[] = [];
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  const visit = async () => {
    while (!isOver) {
      const answer = await fetch(`${url}/page`).then((one) => one.text(), String);
      seen.push(answer);
    }
  };
  const load = Promise.all([visit(), visit(), visit()]);
  await until(() => seen.length > 20);
  await mkdir(join(proxy.folder, 'migrations', 'orders'));
  await writeFile(join(proxy.folder, 'migrations', 'orders', 'routes.js'), "export const path = '/orders';");
  const declaration = MIGRATION.replaceAll("'catalog'", "'orders'").replace("'/items/:id'", 'path');
  await writeFile(
    join(proxy.folder, 'migrations', 'orders', 'migration.js'),
    `import { path } from './routes.js'; ${declaration}`,
  );
  await configure(after.url, `STRANGLER_UPSTREAM_ORDERS=${service.url}\n`);
  proxy.child.kill('SIGHUP');
  await until(() => seen.at(-1) === 'after', 20_000);
  expect(await routes()).toBe(2);

  await writeFile(join(proxy.folder, 'migrations', 'orders', 'routes.js'), "export const path = '/items/:id';");
  proxy.child.kill('SIGHUP');
  const refusals = () => proxy.said().split('The new configuration is refused').length - 1;
  await until(() => refusals() === 1);
  await configure('nonsense', 'ADMIN_PORT=1\n');
  proxy.child.kill('SIGHUP');
  await until(() => proxy.said().includes('upstream monolith is no URL'));
  const isTold = async () => {
    const { status, notices } = (await (await fetch(`${admin}/readyz`)).json()) as {
      status: string;
      notices: string[];
    };
    return status === 'ready' && notices.some((notice) => notice.startsWith('The last new configuration was refused'));
  };
  await until(isTold);
  expect(await routes()).toBe(2);

  socket.write('still here');
  await until(() => echoed.endsWith('still here'));
  release?.();
  expect(await slow).toBe('before');
  isOver = true;
  await load;
  expect(new Set(seen)).toEqual(new Set(['before', 'after']));
  proxy.child.kill('SIGTERM');
  expect(await proxy.ended).toBe(0);
});

test('what only a start can take is refused by name in a running proxy', async () => {
  const upstream = await startUpstream((_request, response) => response.end());
  const folder = await mkdtemp(join(tmpdir(), 'strangler-config-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'proxy.env');
  await writeFile(file, `STRANGLER_UPSTREAM_CATALOG=${upstream.url}\n`);
  const proxy = await run([], { STRANGLER_CONFIG: file, STRANGLER_UPSTREAM_MONOLITH: upstream.url });
  await ready(proxy);
  await writeFile(file, `STRANGLER_UPSTREAM_CATALOG=${upstream.url}\nPORT=1\nSTRANGLER_ADMIN_TOKEN=secret\n`);
  proxy.child.kill('SIGHUP');
  await until(() => proxy.said().includes('adminToken has changed: that needs a restart'));
  expect(proxy.said()).toContain('port has changed: that needs a restart');
  expect(proxy.said()).not.toContain('secret');
  await rm(file);
  proxy.child.kill('SIGHUP');
  await until(() => proxy.said().includes('cannot be read: ENOENT'));
});

test('no secret is said anywhere: not of the configuration, not of a request, not when everything goes wrong', {
  timeout: 60_000,
}, async () => {
  const secret = 'hunter2-hunter2-hunter2-hunter2-hunter2';
  const dead = `http://127.0.0.1:${await freePort()}`;
  const monolith = await startUpstream((request, response) => {
    if (request.url?.startsWith('/broken')) request.socket.destroy();
    else response.setHeader('Set-Cookie', `session=${secret}`).end(`{"token":"${secret}"}`);
  });
  const folder = await mkdtemp(join(tmpdir(), 'strangler-config-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'proxy.env');
  await writeFile(file, `STRANGLER_PIN_KEY=${secret}\n`);
  const proxy = await run(['--unleash-token', secret, '--config', file], {
    STRANGLER_UPSTREAM_MONOLITH: monolith.url,
    STRANGLER_UPSTREAM_CATALOG: dead,
    STRANGLER_ADMIN_TOKEN: secret,
    STRANGLER_CONTROL_URL: dead,
    STRANGLER_CONTROL_TOKEN: secret,
    STRANGLER_DATABASE_MONOLITH: `postgres://shop:${secret}@127.0.0.1:${await freePort()}/shop`,
    STRANGLER_DATABASE_CATALOG: `postgres://shop:${secret}@127.0.0.1:${await freePort()}/catalog`,
    UNLEASH_URL: `${dead}/api`,
    OTEL_EXPORTER_OTLP_ENDPOINT: dead,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secret}`,
    LOG_LEVEL: 'debug',
  });
  const { url, admin } = await ready(proxy);
  const headers = { Authorization: `Bearer ${secret}`, Cookie: `session=${secret}`, 'X-Api-Key': secret };
  for (const path of ['/page', '/broken', '/items/7']) {
    for (const method of ['GET', 'POST']) {
      const body = method === 'POST' ? { body: secret } : {};
      await (await fetch(`${url}${path}?password=${secret}`, { method, headers, ...body })).arrayBuffer();
    }
  }
  const garbage = connect(Number(new URL(url).port), '127.0.0.1');
  garbage.end(`GET /?${secret} HTTP/1.1\r\nHost: a b\r\nAuthorization: ${secret}\r\n\r\n`);
  await once(garbage.resume(), 'close');
  await writeFile(file, `STRANGLER_PIN_KEY=${secret}-another\nSTRANGLER_DATABASE_MONOLITH=mysql://${secret}\n`);
  proxy.child.kill('SIGHUP');
  await until(() => proxy.said().includes('The new configuration is refused'), 20_000);
  let shown = '';
  for (const path of ['/readyz', '/metrics', '/api/routes', '/api/recording']) {
    const signedIn = { headers: { Authorization: `Bearer ${secret}` } };
    for (const as of [{}, signedIn]) shown += await (await fetch(admin + path, as)).text();
  }
  expect(shown).toContain('strangler_proxy_requests_total');
  proxy.child.kill('SIGTERM');
  expect(await proxy.ended).toBe(0);
  expect(proxy.said()).toContain('"path":"/broken"');
  expect(proxy.said() + shown).not.toContain('hunter2');
});
