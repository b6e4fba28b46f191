import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { freePort } from './free-port.ts';
import type { ProgramCall } from './postgres.ts';
import { createDatabase } from './test-database.ts';
import { unleashCall } from './unleash.ts';

/** A real Unleash of one test file, on a database of its own. */
export interface TestUnleash {
  /** Without a path: `http://127.0.0.1:PORT`. The client and admin APIs are below `/api`. */
  readonly url: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** For the admin API, as the `Authorization` header. */
  readonly adminToken: string;
  /** For the backend client API, environment `development`. */
  readonly clientToken: string;
  /** Ends the server and removes its database. */
  stop(): Promise<void>;
  /** Ends the server at once (SIGKILL) and keeps its database, so that {@link TestUnleash.restart} can follow. */
  kill(): Promise<void>;
  /** Starts the server again after {@link TestUnleash.kill}, on the same port and database. */
  restart(): Promise<void>;
}

const READY_WITHIN_MS = 60_000;

/** Starts Unleash for tests; resolves once it answers. */
export async function startUnleash(): Promise<TestUnleash> {
  const database = await createDatabase('unleash');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const secret = () => randomBytes(16).toString('hex');
  const access = {
    user: 'admin',
    password: secret(),
    adminToken: `*:*.${secret()}`,
    clientToken: `default:development.${secret()}`,
  };
  const call = unleashCall({ databaseUrl: database.url, port, ...access });
  let server = await startServer(url, call);
  return {
    url,
    port,
    ...access,
    kill: () => server.end('SIGKILL'),
    restart: async () => {
      server = await startServer(url, call);
    },
    stop: async () => {
      await server.end('SIGTERM');
      await database.drop();
    },
  };
}

async function startServer(url: string, call: ProgramCall) {
  const child = spawn(call.command, call.args, { env: call.env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk).slice(-8_000);
    });
  }
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    child.kill(signal);
    await exited;
  };
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await answers(`${url}/health`))) {
    if (child.exitCode !== null) throw new Error(`Unleash ended while starting:\n${output}`);
    if (Date.now() > deadline) {
      await end('SIGKILL');
      throw new Error(`Unleash did not answer within ${READY_WITHIN_MS / 1000} s:\n${output}`);
    }
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return { end };
}

function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
}
