import { createDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import pino from 'pino';
import { defineMigration, type TableMapping } from 'strangler-migrations/define';
import type { Captured } from '../capture/capture.ts';
import { embeddedEngine } from '../capture/embedded/engine.ts';
import { slotName } from '../capture/embedded/slot.ts';
import type { CaptureEngine } from '../capture/engine.ts';
import { DEFAULT_LIMITS, type StreamLimits } from '../limits.ts';
import { createMonitor, type Monitor } from '../status/monitor.ts';
import { runStream } from '../stream.ts';
import { engine } from './engine.ts';
import { type Stores, until } from './stores.ts';

/** One source, captured by both engines at once, each into a target of its own. Test code only. */
export interface SideBySide {
  /** What each has handed over, in its order. */
  readonly captured: { readonly embedded: Captured[]; readonly debezium: Captured[] };
  readonly targets: { readonly embedded: pg.Client; readonly debezium: pg.Client };
  /** Resolves once both have applied all that the source has committed by now. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

/** @param stores Whose source is captured; Debezium's stream is the one of the stores. */
export async function startSideBySide(
  stores: Stores,
  targetSql: string,
  tables: readonly TableMapping[],
  limits: Partial<StreamLimits> = {},
): Promise<SideBySide> {
  const other = await createDatabase('target');
  const target = new pg.Client({ connectionString: other.url });
  target.on('error', () => {});
  await target.connect();
  await target.query(targetSql);
  const captured = { embedded: [] as Captured[], debezium: [] as Captured[] };
  const start = (capability: string, which: CaptureEngine, targetUrl: string, into: Captured[]) => {
    const name = { capability, direction: 'forward' } as const;
    const monitor = createMonitor(name, slotName(capability));
    const controller = new AbortController();
    const done = runStream(
      {
        migration: defineMigration({ capability, service: 'service', routes: {}, tables }),
        ...{ name, monitor, sourceUrl: stores.sourceUrl, targetUrl, engine: recording(which, into) },
        limits: { ...DEFAULT_LIMITS, heartbeatMs: 100, idleMs: 100, deadLettersMax: 0, ...limits },
        log: pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' }),
      },
      controller.signal,
    );
    const stop = () => {
      controller.abort();
      return done;
    };
    return { monitor, stop };
  };
  const second = `${stores.capability}e`;
  const streams = [
    start(second, embeddedEngine, other.url, captured.embedded),
    start(stores.capability, engine, stores.targetUrl, captured.debezium),
  ];
  await Promise.all(streams.map(({ monitor }) => untilStreaming(monitor)));
  return {
    captured,
    targets: { embedded: target, debezium: stores.target },
    async caughtUp() {
      const { rows } = await stores.source.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
      for (const client of [target, stores.target]) {
        await until(`everything before ${rows[0].lsn} is applied by both`, async () => {
          for (const { monitor } of streams) {
            const { state, reason } = monitor.status();
            if (state === 'stopped') throw new Error(`stopped: ${reason?.what}`);
          }
          const reached = await client.query('SELECT FROM strangler.stream WHERE lsn >= $1::pg_lsn', [rows[0].lsn]);
          return reached.rowCount === 1;
        });
      }
    },
    async stop() {
      await Promise.all(streams.map((stream) => stream.stop()));
      await target.end();
      await other.drop();
      await stores.source.query(
        `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active`,
        [slotName(second)],
      );
    },
  };
}

function untilStreaming(monitor: Monitor): Promise<unknown> {
  return until('both stream', () => {
    const { state, reason } = monitor.status();
    if (state === 'stopped') throw new Error(`stopped: ${reason?.what}`);
    return state === 'streaming';
  });
}

/** The same engine, of which is kept what it hands over. */
function recording(inner: CaptureEngine, into: Captured[]): CaptureEngine {
  return {
    ...inner,
    open(session) {
      const opened = inner.open(session);
      return {
        ...opened,
        async follow(row) {
          const capture = await opened.follow(row);
          return {
            ...capture,
            async next() {
              const taken = await capture.next();
              into.push(...taken);
              return taken;
            },
          };
        },
      };
    },
  };
}
