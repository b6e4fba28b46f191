import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import { checkTables, describeFaults, describeTables, type Migration } from 'strangler-migrations/define';
import { createApplier } from './apply/apply.ts';
import { ensureLedger, type StreamName, takeOver, waitForTurn } from './apply/ledger.ts';
import { createRowWriter, type TargetFacts } from './apply/row-writer.ts';
import type { Capture } from './capture/capture.ts';
import { followSlot } from './capture/embedded/replication-stream.ts';
import { ensurePublication, identifySystem, slotName, verifyContinuity } from './capture/embedded/slot.ts';
import { createTranslator } from './capture/embedded/to-captured.ts';
import { connect, disconnect } from './database/connect.ts';
import { readTargetFacts } from './database/target-facts.ts';
import { describeError, isTransient, StreamStop } from './errors.ts';
import { startHeartbeat } from './heartbeat.ts';
import { initialLoad } from './load/initial-load.ts';
import { compileMapper, type TargetTable } from './map.ts';
import { formatPosition } from './position.ts';
import type { Monitor } from './status/monitor.ts';

/** Bounds and intervals of a stream. */
export interface StreamLimits {
  /** Bytes of the source's log that are received and not yet applied. */
  readonly queueBytesMax: number;
  /** Rows of one statement. */
  readonly runRowsMax: number;
  /** Rows after which a target transaction is committed at the next end of a source transaction. */
  readonly batchRowsMax: number;
  /** Milliseconds after which it is. */
  readonly batchMsMax: number;
  /** How often a mark is written to the source's log, in milliseconds. */
  readonly heartbeatMs: number;
  /** How often an idle stream writes its position down, in milliseconds. */
  readonly idleMs: number;
  /** How long a stop may take before connections are cut, in milliseconds. */
  readonly shutdownMs: number;
}

export const DEFAULT_LIMITS: StreamLimits = {
  queueBytesMax: 16 * 1024 * 1024,
  runRowsMax: 1_000,
  batchRowsMax: 10_000,
  batchMsMax: 200,
  heartbeatMs: 2_000,
  idleMs: 10_000,
  shutdownMs: 10_000,
};

/** One capability in one direction. In reverse it is the same code with the two databases, and the mapping, swapped. */
export interface StreamOptions {
  readonly migration: Migration;
  readonly name: StreamName;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly limits: StreamLimits;
  readonly log: Logger;
  readonly monitor: Monitor;
}

/**
 * Runs one stream until it is told to end: capture -> map -> apply -> acknowledge.
 *
 * Whatever goes wrong ends the session, and the next one begins from the position that the target holds; as nothing is
 * acknowledged that is not there, the source sends the rest again. What passes by itself is tried again soon; what needs
 * a person is said loudly and tried again at leisure, so that the stream goes on once it is mended.
 */
export async function runStream(options: StreamOptions, signal: AbortSignal): Promise<void> {
  const { log, monitor } = options;
  let attempt = 0;
  let careful = false;
  while (!signal.aborted) {
    const progress = { made: false };
    try {
      await runSession(options, careful, progress, signal);
    } catch (error) {
      if (signal.aborted) break;
      attempt = progress.made ? 1 : attempt + 1;
      const passing = isTransient(error);
      // A statement of many rows does not say which row was refused: the next attempt goes row by row.
      careful = error instanceof StreamStop && error.code === 'refused';
      const waitMs = backoff(attempt, passing);
      monitor.state(passing ? 'retrying' : 'stopped', error);
      const fix = error instanceof StreamStop ? { code: error.code, fix: error.fix } : {};
      const again = { attempt, retry_in_ms: waitMs };
      if (passing) log.warn(again, `interrupted: ${describeError(error)}`);
      else log.error({ ...fix, ...again, err: error }, `stopped: ${describeError(error)}`);
      await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** From 100 ms, doubled up to 10 s (30 s for what needs a person), each with jitter so that instances do not march in step. */
function backoff(attempt: number, passing: boolean): number {
  const [first, most] = passing ? [100, 10_000] : [1_000, 30_000];
  return Math.round(Math.min(first * 2 ** (attempt - 1), most) * (0.5 + Math.random() / 2));
}

/** One session: from the connections to whatever ends them. */
async function runSession(
  options: StreamOptions,
  careful: boolean,
  progress: { made: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { migration, name, sourceUrl, limits, log, monitor } = options;
  const slot = slotName(name.capability);
  const applicationName = slot;
  const mappings = [...migration.tables, ...migration.follows];
  const clients: pg.Client[] = [];
  const open = async (url: string) => {
    const client = await connect(url, { applicationName });
    clients.push(client);
    return client;
  };
  const cut = () => {
    for (const client of clients) client.connection.stream.destroy();
  };
  let capture: Capture | undefined;
  let stopHeartbeat = () => {};
  signal.addEventListener('abort', cut);

  try {
    monitor.state('connecting');
    log.debug('connecting');
    const target = await open(options.targetUrl);
    const source = await open(sourceUrl);
    await refuseUnfit(migration, source, target);
    await ensureLedger(target);
    await waitForTurn(target, name, () => {
      monitor.state('waiting');
      log.info('another instance runs this stream; waiting to take over');
    });

    await ensurePublication(source, slot, uniqueTables(mappings.map((mapping) => mapping.source)));
    const epoch = await identifySystem(sourceUrl, applicationName);
    let row = await takeOver(target, name);
    if (row) {
      refuseAddedTables(
        row.tables,
        mappings.map((mapping) => `${mapping.source.schema}.${mapping.source.name}`),
      );
      await verifyContinuity(source, slot, epoch, row.position);
    } else {
      monitor.state('loading');
      log.info({ slot }, 'initial load: waiting for open transactions of the source, then copying');
      row = await initialLoad({
        ...{ sourceUrl, applicationName, source, target, stream: name, slot, epoch, mappings, log },
        progress: monitor.loading,
      });
      log.info({ position: formatPosition(row.position) }, 'initial load: done');
    }
    progress.made = true;

    const mapper = compileMapper(mappings);
    const facts = new Map<string, TargetFacts>();
    for (const { target: table } of mappings) facts.set(tableName(table), await readTargetFacts(target, table));
    const primaryKeys = new Map(
      mappings.map((mapping) => [tableName(mapping.source), mapping.key.map((column) => column.codec.source)]),
    );
    const translate = createTranslator(
      epoch,
      (schema, table) => primaryKeys.get(tableName({ schema, name: table })) ?? [],
    );
    const follow = { url: sourceUrl, applicationName, slot, publication: slot, queueBytesMax: limits.queueBytesMax };
    const running = await followSlot({ ...follow, from: row.position.commitLsn }, translate);
    capture = running;

    const writer = createRowWriter({
      client: target,
      facts: (table: TargetTable) => facts.get(tableName(table))!,
      runRowsMax: careful ? 1 : limits.runRowsMax,
      runCharactersMax: RUN_CHARACTERS_MAX,
    });
    const applier = createApplier({
      ...{ client: target, stream: name, fence: row.fence, position: row.position, writer },
      map: mapper.map,
      checkColumns: mapper.checkColumns,
      batchRowsMax: careful ? 1 : limits.batchRowsMax,
      batchMsMax: limits.batchMsMax,
      idleEveryMs: limits.idleMs,
      committed: (batch) => {
        monitor.applied(batch);
        running.acknowledge(batch.position.commitLsn);
      },
    });
    monitor.stored(row.position);
    monitor.session(applier);
    monitor.state('streaming');
    log.info({ position: formatPosition(row.position), fence: row.fence }, 'streaming');
    stopHeartbeat = startHeartbeat({ source, slot, everyMs: limits.heartbeatMs, monitor, log });

    // From here on a stop lets the batch end first.
    signal.removeEventListener('abort', cut);
    const stopped = new Promise<undefined>((done) =>
      signal.addEventListener('abort', () => done(undefined), { once: true }),
    );
    void stopped.then(() => setTimeout(cut, limits.shutdownMs).unref());
    while (!signal.aborted) {
      const captured = await Promise.race([running.next(), stopped]);
      if (captured) await applier.apply(captured);
    }
    await applier.settle();
  } finally {
    signal.removeEventListener('abort', cut);
    monitor.session(undefined);
    stopHeartbeat();
    await capture?.close();
    await Promise.all(clients.map(disconnect));
  }
}

/** Characters of the values of one statement. */
const RUN_CHARACTERS_MAX = 1024 * 1024;

async function refuseUnfit(migration: Migration, source: pg.Client, target: pg.Client): Promise<void> {
  const query = (client: pg.Client) => (sql: string, values: readonly unknown[]) =>
    client.query(sql, [...values]).then((result) => result.rows);
  const mappings = [...migration.tables, ...migration.follows];
  const faults = checkTables(migration, {
    source: await describeTables(query(source), uniqueTables(mappings.map((mapping) => mapping.source))),
    target: await describeTables(query(target), uniqueTables(mappings.map((mapping) => mapping.target))),
  });
  if (faults.length === 0) return;
  throw new StreamStop(
    'declaration',
    `the declaration of ${migration.capability} does not fit the two databases:\n${describeFaults(faults)}`,
    'Mend what is listed; the stream begins by itself.',
  );
}

/** Rows that such a table had before it was declared would be missing for good, and nobody would know. */
function refuseAddedTables(loaded: readonly string[], declared: readonly string[]): void {
  const added = declared.filter((table) => !loaded.includes(table));
  if (added.length === 0) return;
  throw new StreamStop(
    'tables-added',
    `${added.join(', ')} came into the declaration after the initial load, so the target lacks the rows that they had before`,
    'Take them out again; or begin afresh: on the target empty the tables of the capability and delete its row of strangler.stream. The next start loads everything.',
  );
}

function uniqueTables<T extends { readonly schema: string; readonly name: string }>(
  tables: readonly T[],
): readonly T[] {
  return [...new Map(tables.map((table) => [tableName(table), table])).values()];
}

function tableName(table: { readonly schema: string; readonly name: string }): string {
  return `${table.schema}.${table.name}`;
}
