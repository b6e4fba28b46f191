import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createDatabase, freePort, type TestDatabase } from '@strangler/stack/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { migrate } from './migrate.ts';

const MAIN = new URL('./main.ts', import.meta.url).pathname;
let database: TestDatabase;
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await createDatabase('main');
  await migrate(database.url);
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

afterAll(() => database.drop());

function start(environment: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: { LOG_LEVEL: 'silent', ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  return child;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('it did not happen within 20 s');
    await new Promise((done) => setTimeout(done, 20));
  }
}

it('answers 503 while the database is away, goes on when it is back, and ends on SIGTERM', async () => {
  const way = await wayTo(database.url);
  const port = await freePort();
  const child = start({ DATABASE_URL: way.url, PORT: String(port) });
  const status = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  await until(async () => (await status('/readyz')) === 200);
  expect(await status('/api/products')).toBe(200);

  await way.cut();
  const away = await fetch(`http://127.0.0.1:${port}/api/products`);
  expect([away.status, away.headers.get('retry-after'), await away.text()]).toEqual([
    503,
    '1',
    '{"error":"UNAVAILABLE"}',
  ]);
  const session = { headers: { cookie: `shop_sid=${'a'.repeat(43)}` } };
  expect((await fetch(`http://127.0.0.1:${port}/api/me`, session)).status).toBe(503);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(503);
  expect([await status('/livez'), await status('/readyz')]).toEqual([200, 503]);

  await way.mend();
  expect(await status('/api/products')).toBe(200);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  await way.close();
});

it('does not start without its settings, and says all that is missing', async () => {
  const child = start({ PORT: 'x' });
  let said = '';
  child.stderr!.on('data', (chunk) => {
    said += chunk;
  });
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(said).toContain('DATABASE_URL is required');
  expect(said).toContain('PORT must be a whole number');
});

/** A way to a database that can be cut and mended. */
async function wayTo(databaseUrl: string) {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const port = await freePort();
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  let server: Server = await listen();
  return {
    url: url.href,
    async cut() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
    async mend() {
      server = await listen();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };

  async function listen(): Promise<Server> {
    const made = createServer((socket) => {
      const onward = connect(Number(target.port), target.hostname);
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => sockets.delete(one));
        one.pipe(other);
      }
    });
    await new Promise<void>((done) => made.listen(port, '127.0.0.1', done));
    return made;
  }
}
