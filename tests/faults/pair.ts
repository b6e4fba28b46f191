import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@strangler/stack/free-port';
import pg from 'pg';
import pino from 'pino';
import { createMonitor, DEFAULT_LIMITS, type Monitor, runStream, type StreamLimits } from 'strangler-cdc';
import { defineMigration, integer, rows, text } from 'strangler-migrations/define';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { until } from '../support/until.ts';

export const CAPABILITY = 'fault';
export const SLOT = `strangler_${CAPABILITY}`;

const ITEM = 'CREATE TABLE item (id integer PRIMARY KEY, name text)';
export const MIGRATION = defineMigration({
  capability: CAPABILITY,
  service: 'service',
  routes: {},
  tables: [rows({ source: 'item', target: 'item', key: { id: integer('id') }, columns: { name: text('name') } })],
});

/** Servers of their own, for faults that a shared one must not have. */
export interface FaultServers {
  /** Starts a server on a new cluster, or on one that {@link FaultServers.copy} has made. */
  start(settings?: Readonly<Record<string, string>>, port?: number): Promise<PostgresServer>;
  /** Copies the cluster of a server that stands still, for one that begins where it is. Gives its port. */
  copy(server: PostgresServer, kind: 'standby' | 'backup'): Promise<number>;
  /** A session, ended with the rest. */
  session(server: PostgresServer): Promise<pg.Client>;
  /** Runs the stream from one to the other in this process. */
  stream(source: PostgresServer, target: PostgresServer, limits?: Partial<StreamLimits>): FaultStream;
  end(): Promise<void>;
}

export interface FaultStream {
  readonly monitor: Monitor;
  stop(): Promise<void>;
}

export async function createFaultServers(): Promise<FaultServers> {
  const folder = await mkdtemp(join(tmpdir(), 'strangler-faults-'));
  const servers: PostgresServer[] = [];
  const clients: pg.Client[] = [];
  const streams: FaultStream[] = [];
  return {
    async start(settings = {}, port) {
      const server = await startPostgres(folder, port ?? (await freePort()), { fsync: 'off', ...settings });
      servers.push(server);
      return server;
    },
    async copy(server, kind) {
      const port = await freePort();
      const [from, to] = [server.port, port].map((each) => join(folder, `postgres-${each}`)) as [string, string];
      // With its owner, whom neither Node nor this process is.
      await promisify(execFile)('cp', ['-a', from, to]);
      if (kind === 'standby')
        await promisify(execFile)('cp', ['-a', join(to, 'PG_VERSION'), join(to, 'standby.signal')]);
      return port;
    },
    async session(server) {
      const client = new pg.Client({ connectionString: server.url() });
      client.on('error', () => {});
      await client.connect();
      clients.push(client);
      return client;
    },
    stream(source, target, limits = {}) {
      const monitor = createMonitor({ capability: CAPABILITY, direction: 'forward' }, SLOT);
      const controller = new AbortController();
      const done = runStream(
        {
          migration: MIGRATION,
          name: { capability: CAPABILITY, direction: 'forward' },
          ...{ sourceUrl: source.url(), targetUrl: target.url(), monitor },
          limits: { ...DEFAULT_LIMITS, heartbeatMs: 100, idleMs: 100, shutdownMs: 1_000, ...limits },
          log: pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' }),
        },
        controller.signal,
      );
      const stream = {
        monitor,
        stop: () => {
          controller.abort();
          return done;
        },
      };
      streams.push(stream);
      return stream;
    },
    async end() {
      await Promise.all(streams.map((stream) => stream.stop()));
      await Promise.all(clients.map((client) => client.end().catch(() => {})));
      await Promise.all(servers.map((server) => server.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A source and a target with the table of the migration, and some rows in the source. */
export async function prepareTables(source: pg.Client, target: pg.Client): Promise<void> {
  await source.query(`${ITEM}; INSERT INTO item SELECT n, 'loaded' FROM generate_series(1, 10) n`);
  await target.query(ITEM);
}

/** Resolves with the reason once the stream has stopped for it. */
export async function untilStopped(stream: FaultStream, code: string): Promise<string> {
  const status = await until(
    () => stream.monitor.status(),
    ({ state, reason }) => state === 'stopped' && reason?.code === code,
    { withinMs: 60_000 },
  );
  return status.reason!.what;
}

/** Resolves once the target has this row. */
export async function untilArrived(target: pg.Client, id: number): Promise<void> {
  const look = async () => (await target.query('SELECT FROM item WHERE id = $1', [id])).rowCount;
  await until(look, (found) => found === 1, { withinMs: 60_000 });
}
