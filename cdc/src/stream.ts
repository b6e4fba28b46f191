import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import { createApplier } from './apply/apply.ts';
import { beginApplying } from './apply/apply-session.ts';
import { openDeadLetters } from './apply/dead-letters.ts';
import { createEventWriter } from './apply/event-writer.ts';
import { openGate } from './apply/gate.ts';
import { ensureLedger, type StreamRow, storeSource, takeOver, waitForTurn } from './apply/ledger.ts';
import { createRowWriter } from './apply/row-writer.ts';
import type { Capture } from './capture/capture.ts';
import { embeddedEngine } from './capture/embedded/engine.ts';
import { ensurePublication, verifyPublication } from './capture/embedded/publication.ts';
import { identifySystem } from './capture/embedded/slot.ts';
import type { CaptureEngine, CaptureSession } from './capture/engine.ts';
import type { MigrationDatabases } from './config.ts';
import { connect, disconnect } from './database/connect.ts';
import { readTargetFacts } from './database/target-facts.ts';
import { courseOf, type StreamCourse } from './direction.ts';
import { CareNeeded, ConnectionLost, describeError, isTransient, StreamStop } from './errors.ts';
import { startHeartbeat } from './heartbeat.ts';
import { createPace, type Pace, type StreamLimits } from './limits.ts';
import { beginAtSlot, initialLoad } from './load/initial-load.ts';
import { compileMapper } from './map.ts';
import { type Epoch, formatPosition } from './position.ts';
import { refuseAddedTables, refuseUnfit, uniqueTables } from './refuse.ts';
import type { Monitor } from './status/monitor.ts';
import type { StreamName } from './stream-name.ts';

/** One capability in one direction. In reverse it is the same code with the two databases, and the mapping, swapped. */
export interface StreamOptions extends MigrationDatabases {
  readonly name: StreamName;
  /** Who captures; by default the embedded engine. */
  readonly engine?: CaptureEngine;
  readonly limits: StreamLimits;
  readonly log: Logger;
  readonly monitor: Monitor;
}

/**
 * Runs one stream until it is told to end.
 *
 * Whatever goes wrong ends the session, and the next one begins from the position that the target holds; as nothing is
 * acknowledged that is not there, the source sends the rest again. What passes by itself is tried again soon; what needs
 * a person is said loudly and tried again at leisure, so that the stream goes on once it is mended.
 */
export async function runStream(options: StreamOptions, signal: AbortSignal): Promise<void> {
  const { log, monitor } = options;
  let attempt = 0;
  const pace = createPace(options.limits);
  while (!signal.aborted) {
    try {
      await runSession(options, pace, signal, () => {
        attempt = 0;
      });
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof CareNeeded) {
        // A statement of many rows does not say which of them was refused.
        pace.take(error.care);
        log.info(`once more, ${error.care === 'events' ? 'event by event' : 'one at a time'}: ${error.message}`);
        continue;
      }
      attempt++;
      const passing = isTransient(error);
      const waitMs = backoff(attempt, passing);
      monitor.state(passing ? 'retrying' : 'stopped', error);
      report(log, error, passing, { attempt, retry_in_ms: waitMs });
      await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** One session, from its connections to whatever ends it: capture -> map -> apply -> acknowledge. */
async function runSession(
  options: StreamOptions,
  pace: Pace,
  signal: AbortSignal,
  progressed: () => void,
): Promise<void> {
  const { migration, name, limits, log, monitor } = options;
  const course = courseOf(options, name.direction);
  const { sourceUrl, slot, mappings } = course;
  const sessions = openSessions(slot, signal, limits.shutdownMs);
  let engine: CaptureSession | undefined;
  let capture: Capture | undefined;
  let stopHeartbeat = () => {};
  try {
    monitor.state('connecting');
    log.debug('connecting');
    const target = await sessions.open(course.targetUrl);
    const source = await sessions.open(sourceUrl);
    await (name.direction === 'forward'
      ? refuseUnfit(migration, source, target)
      : refuseUnfit(migration, target, source));
    await ensureLedger(target);
    await waitForTurn(target, name, () => {
      monitor.state('waiting');
      log.info('another instance runs this stream; waiting to take over');
    });
    await beginApplying(target, course.origin);
    const epoch = await identifySystem(sourceUrl, slot);
    const { open, heartbeat } = options.engine ?? embeddedEngine;
    engine = open({ course, source, target, epoch, limits, signal, log });
    const start = await findStart(options, course, { source, target, epoch, engine });
    const { position, fence, publication } = start;

    // Capture: whatever is committed from the target's position on.
    const running = await engine.follow(start);
    capture = running;
    log.info({ position: formatPosition(position), fence }, 'streaming');
    // Map: each event to rows of the target.
    const { map, checkColumns } = compileMapper(mappings);
    // Apply: whole source transactions, with the position, in one transaction of the target.
    const facts = await readTargetFacts(target, uniqueTables(mappings.map((mapping) => mapping.target)));
    const writer = createRowWriter(target, facts, pace);
    const gate = await openGate({ client: target, course, log });
    const letters = await openDeadLetters(target, name, limits, log, gate.epochOf);
    monitor.parked(letters.counts());
    const events = gate.guard(createEventWriter({ client: target, writer, letters, pace, map }));
    const applier = createApplier({
      ...{ client: target, stream: name, fence, position, events, pace, checkColumns },
      echoed: monitor.echoed,
      // Acknowledge: only now that the target has it for good may the source forget it.
      committed(batch) {
        running.acknowledge(batch.position.commitLsn);
        monitor.applied(batch);
        monitor.parked(letters.counts());
        pace.committed(batch);
        progressed();
      },
    });
    monitor.streaming(position, applier, gate);
    stopHeartbeat = startHeartbeat({
      ...{ source, slot, tables: uniqueTables(mappings.map((mapping) => mapping.source)), publication, monitor, log },
      everyMs: limits.heartbeatMs,
      transactional: heartbeat === 'transactional',
      broken: running.fail,
    });

    sessions.letBatchEnd();
    while (!signal.aborted) await applier.apply(await running.next());
    await applier.settle();
  } finally {
    stopHeartbeat();
    monitor.streaming(undefined, undefined, undefined);
    await capture?.close();
    await engine?.end();
    await sessions.end();
  }
}

/** Where the stream goes on: at the position that the target holds, or where an initial load has brought it. */
async function findStart(
  { log, monitor }: StreamOptions,
  { name, sourceUrl, slot, mappings }: StreamCourse,
  session: {
    readonly source: pg.Client;
    readonly target: pg.Client;
    readonly epoch: Epoch;
    readonly engine: CaptureSession;
  },
): Promise<StreamRow> {
  const { source, target, epoch, engine } = session;
  const tables = uniqueTables(mappings.map((mapping) => mapping.source));
  const row = await takeOver(target, name);
  if (row) {
    refuseAddedTables(row.tables, mappings);
    const verified = await engine.verify(row);
    const { identity: publication } = await verifyPublication(source, slot, tables, row.publication);
    await storeSource(target, name, { epoch, publication });
    return { ...verified, publication };
  }
  await engine.prepare();
  const publication = await ensurePublication(source, slot, tables);
  if (name.direction === 'reverse') {
    // All that the service has came from the monolith, so there is nothing to load: the stream begins with its slot.
    return engine.verify(
      await beginAtSlot({ sourceUrl, source, target, stream: name, slot, publication, epoch, mappings }),
    );
  }
  monitor.state('loading');
  log.info({ slot }, 'initial load: waiting for open transactions of the source, then copying');
  const loaded = await initialLoad({
    ...{ sourceUrl, source, target, stream: name, slot, publication, epoch, mappings, log },
    progress: monitor.loading,
  });
  log.info({ position: formatPosition(loaded.position) }, 'initial load: done');
  return engine.verify(loaded);
}

/** The two sessions of a stream, cut when it is told to end: at once while it prepares, later once it streams. */
function openSessions(applicationName: string, signal: AbortSignal, shutdownMs: number) {
  const clients: pg.Client[] = [];
  let patient = false;
  let deadline: NodeJS.Timeout | undefined;
  const cut = () => {
    for (const client of clients) client.connection.stream.destroy();
  };
  const onAbort = () => {
    if (patient) deadline = setTimeout(cut, shutdownMs);
    else cut();
  };
  signal.addEventListener('abort', onAbort);
  return {
    async open(url: string): Promise<pg.Client> {
      const client = await connect(url, { applicationName });
      clients.push(client);
      if (signal.aborted) throw new ConnectionLost('told to end');
      return client;
    },
    letBatchEnd: () => {
      patient = true;
    },
    async end() {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(deadline);
      await Promise.all(clients.map(disconnect));
    },
  };
}

/** From 100 ms, doubled up to 10 s (30 s for what needs a person), with jitter so that instances do not march in step. */
function backoff(attempt: number, passing: boolean): number {
  const [first, most] = passing ? [100, 10_000] : [1_000, 30_000];
  return Math.round(Math.min(first * 2 ** (attempt - 1), most) * (0.5 + Math.random() / 2));
}

function report(log: Logger, error: unknown, passing: boolean, again: object): void {
  if (passing) log.warn(again, `interrupted: ${describeError(error)}`);
  else if (error instanceof StreamStop)
    log.error({ code: error.code, fix: error.fix, ...again }, `stopped: ${describeError(error)}`);
  else log.error({ err: error, ...again }, `stopped: ${describeError(error)}`);
}
