import type { AppliedBatch } from '../apply/apply.ts';
import type { DeadLetterCounts } from '../apply/dead-letters.ts';
import type { Gate, GateState, GateStatus } from '../apply/gate.ts';
import { describeError, StreamStop } from '../errors.ts';
import type { LoadProgress } from '../load/initial-load.ts';
import { formatLsn, type Lsn, type Position } from '../position.ts';
import type { StreamName } from '../stream-name.ts';

/**
 * What a stream is doing.
 *
 * - `connecting`: on its way to its databases.
 * - `waiting`: another instance has the stream; this one takes over when that ends.
 * - `loading`: the initial load.
 * - `streaming`: follows the source.
 * - `retrying`: something passing is in the way; it goes on by itself.
 * - `stopped`: a person has to do something; it tries again now and then, and goes on once that is done.
 * - `retired`: the capability is, so the stream has ended for good.
 */
export type StreamState = 'connecting' | 'waiting' | 'loading' | 'streaming' | 'retrying' | 'stopped' | 'retired';

/** Why a stream does not stream. */
export interface StreamReason {
  /** A `StopCode`; null for what passes by itself. */
  readonly code: string | null;
  readonly what: string;
  readonly fix: string | null;
}

/** What `/status` shows of a stream. The keys are a contract. */
export interface StreamStatus extends StreamName {
  readonly state: StreamState;
  readonly reason: StreamReason | null;
  /** Every commit below it is in the target, as it was last written down there. */
  readonly position: string | null;
  /** Bytes of the source's log that are not yet applied; null while that is not known, as between sessions. */
  readonly lag_bytes: number | null;
  /**
   * Age of the oldest moment of the source that is not known to be applied: 0 when nothing is outstanding, growing while
   * the stream does not run, null before it ever did.
   */
  readonly lag_seconds: number | null;
  readonly rows_applied: number;
  readonly transactions_applied: number;
  readonly slot: {
    readonly name: string;
    /** Log that the source keeps for us. */
    readonly retained_bytes: number | null;
    /** How much more it may keep before the slot is lost; null without a limit. */
    readonly safe_bytes: number | null;
  };
  /** Keys and events that were set aside because they could not be applied. */
  readonly dead_letters: DeadLetterCounts;
  /** Whether the source may write the capability's tables, and of which epoch that is; null before it streams. */
  readonly gate: { readonly state: GateState; readonly epoch: string } | null;
  /** Writes of a side that did not own the table, since the stream began: kept, not applied. Null before it streams. */
  readonly rogue_writes: number | null;
  /** Changes that the other direction wrote, left out since the process began. */
  readonly echoes_dropped: number;
  readonly load: (LoadProgress & { readonly rows_per_second: number }) | null;
}

/** What a running stream tells about itself, and the figures that come of it. */
export interface Monitor {
  status(): StreamStatus;
  state(state: StreamState, error?: unknown): void;
  loading(progress: LoadProgress): void;
  applied(batch: AppliedBatch): void;
  parked(counts: DeadLetterCounts): void;
  echoed(changes: number): void;
  /** The session that streams from here on, and where it begins; undefined when it has ended. */
  streaming(
    from: Position | undefined,
    session: MonitoredSession | undefined,
    gate: Pick<Gate, 'status'> | undefined,
  ): void;
  /** A mark was written to the source's log, which ended at `lsn` then; the next one comes in `nextInMs`. */
  marked(lsn: Lsn, nextInMs: number): void;
  slot(retainedBytes: number, safeBytes: number | null): void;
}

export interface MonitoredSession {
  reached(): Position;
  pendingSinceMs(): number | undefined;
}

/** Marks that are remembered while they are not reached: the oldest ones, as those tell the lag. */
const MARKS_MAX = 1_000;

/** How late a mark may be before the source counts as unseen, in milliseconds. */
const MARK_LATE_MS = 5_000;

export function createMonitor(name: StreamName, slotName: string): Monitor {
  let state: StreamState = 'connecting';
  let reason: StreamReason | null = null;
  let position: Position | undefined;
  let session: MonitoredSession | undefined;
  let rows = 0;
  let transactions = 0;
  let load: { progress: LoadProgress; readonly since: number } | undefined;
  let sourceEnd: Lsn | undefined;
  let parked: DeadLetterCounts = { keys: 0, events: 0 };
  let gate: GateStatus | undefined;
  let openGate: Pick<Gate, 'status'> | undefined;
  let echoes = 0;
  let retainedBytes: number | null = null;
  let safeBytes: number | null = null;
  /** Moments of the source that are not yet applied, oldest first. */
  let marks: { readonly lsn: Lsn; readonly atMs: number }[] = [];

  /** Nothing is known of the source from this moment on, unless a mark comes before. */
  let blindFromMs: number | undefined;

  const lag = () => {
    if (session) {
      const reached = session.reached().commitLsn;
      marks = marks.filter((mark) => mark.lsn > reached);
    }
    const now = Date.now();
    const blind = blindFromMs !== undefined && now > blindFromMs ? blindFromMs : Infinity;
    const since = Math.min(marks[0]?.atMs ?? Infinity, session?.pendingSinceMs() ?? Infinity, blind);
    return {
      bytes: session && sourceEnd !== undefined ? bytesBetween(session.reached().commitLsn, sourceEnd) : null,
      seconds: blindFromMs === undefined ? null : since === Infinity ? 0 : Math.max(0, (now - since) / 1_000),
    };
  };

  return {
    status() {
      const { bytes, seconds } = lag();
      gate = openGate?.status() ?? gate;
      return {
        ...name,
        state,
        reason,
        position: position ? formatLsn(position.commitLsn) : null,
        lag_bytes: bytes,
        lag_seconds: seconds,
        rows_applied: rows,
        transactions_applied: transactions,
        slot: { name: slotName, retained_bytes: retainedBytes, safe_bytes: safeBytes },
        dead_letters: parked,
        gate: gate ? { state: gate.state, epoch: gate.epoch } : null,
        rogue_writes: gate?.rogueWrites ?? null,
        echoes_dropped: echoes,
        load: load ? { ...load.progress, rows_per_second: rate(load.progress.rows, load.since) } : null,
      };
    },
    state(next, error) {
      state = next;
      reason = error === undefined ? null : toReason(error);
      if (next !== 'loading') load = undefined;
    },
    loading(progress) {
      load = { progress, since: load?.since ?? performance.now() };
    },
    applied(batch) {
      rows += batch.rows;
      transactions += batch.transactions;
      position = batch.position;
    },
    parked(counts) {
      parked = counts;
    },
    echoed(changes) {
      echoes += changes;
    },
    streaming(from, next, nextGate) {
      if (session && !next) blindFromMs = Date.now();
      session = next;
      gate = openGate?.status() ?? gate;
      openGate = nextGate;
      if (!from) return;
      position = from;
      this.state('streaming');
    },
    marked(lsn, nextInMs) {
      if (sourceEnd === undefined || lsn > sourceEnd) sourceEnd = lsn;
      if (marks.length < MARKS_MAX) marks.push({ lsn, atMs: Date.now() });
      blindFromMs = Date.now() + nextInMs + MARK_LATE_MS;
      lag();
    },
    slot(retained, safe) {
      retainedBytes = retained;
      safeBytes = safe;
    },
  };
}

function toReason(error: unknown): StreamReason {
  const stop = error instanceof StreamStop ? error : undefined;
  return { code: stop?.code ?? null, what: describeError(error), fix: stop?.fix ?? null };
}

function rate(count: number, since: number): number {
  const seconds = (performance.now() - since) / 1_000;
  return seconds > 0 ? Math.round(count / seconds) : 0;
}

function bytesBetween(from: Lsn, to: Lsn): number {
  return to > from ? Number(to - from) : 0;
}
