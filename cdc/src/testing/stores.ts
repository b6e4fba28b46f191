import { randomBytes } from 'node:crypto';
import { createDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import pino from 'pino';
import { defineMigration, type Migration, type TableMapping } from 'strangler-migrations/define';
import { slotName } from '../capture/embedded/slot.ts';
import { DEFAULT_LIMITS, type StreamLimits } from '../limits.ts';
import { createMonitor, type Monitor } from '../status/monitor.ts';
import { runStream } from '../stream.ts';
import type { Direction } from '../stream-name.ts';
import { engine as engineOfRun, PATIENCE } from './engine.ts';

/** A source and a target database, and the stream between them. Test code only. */
export interface Stores {
  readonly capability: string;
  readonly slot: string;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly source: pg.Client;
  readonly target: pg.Client;
  /** Another session, ended with the rest. */
  session(side: 'source' | 'target'): Promise<pg.Client>;
  /** Runs a stream in this process, the forward one unless said otherwise. */
  start(tables: readonly TableMapping[], limits?: Partial<StreamLimits>, more?: StreamChoice): RunningStream;
  end(): Promise<void>;
}

export interface StreamChoice {
  readonly direction?: Direction;
  readonly follows?: readonly TableMapping[];
}

export interface RunningStream {
  readonly monitor: Monitor;
  readonly migration: Migration;
  stop(): Promise<void>;
}

/** @param engine Of its streams; by default the one that the test run is of. */
export async function createStores(sourceSql: string, targetSql: string, engine = engineOfRun): Promise<Stores> {
  const capability = `t${randomBytes(5).toString('hex')}`;
  const [sourceDatabase, targetDatabase] = [await createDatabase('source'), await createDatabase('target')];
  const clients: pg.Client[] = [];
  const streams: RunningStream[] = [];
  const session = async (side: 'source' | 'target') => {
    const client = new pg.Client({ connectionString: (side === 'source' ? sourceDatabase : targetDatabase).url });
    client.on('error', () => {});
    await client.connect();
    clients.push(client);
    return client;
  };
  const source = await session('source');
  const target = await session('target');
  await source.query(sourceSql);
  await target.query(targetSql);
  return {
    capability,
    slot: slotName(capability),
    sourceUrl: sourceDatabase.url,
    targetUrl: targetDatabase.url,
    source,
    target,
    session,
    start(tables, limits = {}, { direction = 'forward', follows = [] } = {}) {
      const migration = defineMigration({ capability, service: 'service', routes: {}, tables, follows });
      const name = { capability, direction };
      const monitor = createMonitor(name, slotName(capability, direction));
      const controller = new AbortController();
      const done = runStream(
        {
          migration,
          name,
          engine,
          sourceUrl: sourceDatabase.url,
          targetUrl: targetDatabase.url,
          limits: { ...DEFAULT_LIMITS, heartbeatMs: 100, idleMs: 100, ...limits },
          log: pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' }),
          monitor,
        },
        controller.signal,
      );
      const running = {
        monitor,
        migration,
        stop: () => {
          controller.abort();
          return done;
        },
      };
      streams.push(running);
      return running;
    },
    async end() {
      await Promise.all(streams.map((stream) => stream.stop()));
      await engine.giveUp({ capability, direction: 'forward' }, target);
      await engine.giveUp({ capability, direction: 'reverse' }, source);
      await dropOrigins(source, capability);
      await Promise.all(clients.map((client) => client.end().catch(() => {})));
      await sourceDatabase.drop();
      await targetDatabase.drop();
    },
  };
}

/** An origin outlives its sessions and databases, and a server has places for a few. */
async function dropOrigins(client: pg.Client, capability: string): Promise<void> {
  await until('the origins are no longer in use', () =>
    client
      .query(`SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE starts_with(roname, $1)`, [
        `strangler_${capability}_`,
      ])
      .then(
        () => true,
        () => false,
      ),
  );
}

/** Resolves with the first value that is not undefined or false. @throws Error when there is none in time. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 25_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs * PATIENCE;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as T;
    if (Date.now() > deadline) throw new Error(`not within ${(timeoutMs * PATIENCE) / 1000} s: ${what}`);
    await new Promise((wake) => setTimeout(wake, 10));
  }
}

/** Resolves once the stream is in this state. */
export function untilState(stream: RunningStream, state: ReturnType<Monitor['status']>['state']): Promise<unknown> {
  return until(`the stream is ${state}, not ${JSON.stringify(stream.monitor.status())}`, () => {
    return stream.monitor.status().state === state;
  });
}

/** Resolves once all that the source of a direction has committed by now is applied. */
export async function untilCaughtUp(stores: Stores, direction: Direction = 'forward'): Promise<void> {
  const [from, to] = direction === 'forward' ? [stores.source, stores.target] : [stores.target, stores.source];
  const { rows } = await from.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  await until(`everything before ${rows[0].lsn} is applied`, async () => {
    const reached = await to.query(
      'SELECT FROM strangler.stream WHERE capability = $1 AND direction = $2 AND lsn >= $3::pg_lsn',
      [stores.capability, direction, rows[0].lsn],
    );
    return reached.rowCount === 1;
  });
}

/** All rows of a table as JSON text, ordered by their key. */
export async function rowsOf(client: pg.Client, table: string, order = 'id'): Promise<unknown[]> {
  const { rows } = await client.query(`SELECT to_jsonb(t) AS row FROM ${table} AS t ORDER BY ${order}`);
  return rows.map((each) => each.row);
}
