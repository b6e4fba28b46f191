import type pg from 'pg';
import type { Captured } from '../capture/capture.ts';
import type { ChangeEvent } from '../change-event.ts';
import { CareNeeded, describeError, isTransient, StreamStop } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import type { Pace } from '../limits.ts';
import { comparePositions, type Position } from '../position.ts';
import type { StreamName } from '../stream-name.ts';
import type { EventWriter } from './event-writer.ts';
import { movePosition } from './ledger.ts';

export interface ApplierOptions {
  readonly client: pg.Client;
  readonly stream: StreamName;
  readonly fence: string;
  /** Everything below it is in the target. */
  readonly position: Position;
  readonly events: EventWriter;
  checkColumns(schema: string, table: string, columns: readonly string[]): void;
  /** A source transaction that is larger than a batch may be is still one. */
  readonly pace: Pick<Pace, 'limits' | 'care'>;
  /** Told of changes that the other direction wrote, which capture left out. */
  echoed(changes: number): void;
  /** Called after each commit: from now on everything below `position` is durable in the target. */
  committed(batch: AppliedBatch): void;
}

/** What one target transaction brought. */
export interface AppliedBatch {
  readonly position: Position;
  readonly transactions: number;
  readonly rows: number;
  /** When the last source transaction in it committed, by the source's clock; undefined if it brought none. */
  readonly committedAtMs: number | undefined;
}

/** Applies what capture hands over, whole source transactions at a time. */
export interface Applier {
  /** Takes one batch of capture's, and commits it as far as its transactions are complete. */
  apply(captured: readonly Captured[]): Promise<void>;
  /** Everything of the source below this position is applied; it may be ahead of what is written down. */
  reached(): Position;
  /** When the oldest transaction that is received and not committed here was committed at its source. */
  pendingSinceMs(): number | undefined;
  /** Writes down how far an idle stream is. */
  settle(): Promise<void>;
}

/**
 * One target transaction holds one or several whole source transactions and the position behind them. It stays open
 * while a large source transaction arrives in pieces, and it is committed as soon as nothing more is waiting: so what
 * piles up during one commit becomes the next batch.
 */
export function createApplier(options: ApplierOptions): Applier {
  const { client, events } = options;
  let stored = options.position;
  let reached = options.position;
  let lastIdleAt = 0;

  /** The open target transaction, if any. */
  let batch: { transactions: number; rows: number; end: Position; committedAtMs: number; openedAt: number } | undefined;
  /** The source transaction that has begun and not ended. */
  let current: { readonly known: boolean; readonly committedAtMs: number } | undefined;

  const open = async (committedAtMs: number) => {
    await client.query('BEGIN');
    batch = { transactions: 0, rows: 0, end: stored, committedAtMs, openedAt: performance.now() };
  };

  const commit = async () => {
    if (!batch) return;
    await events.flush();
    const { end, transactions, rows, committedAtMs } = batch;
    await movePosition(client, options.stream, options.fence, stored, end, committedAtMs);
    failpoint('commit');
    await commitTransaction(client, transactions, options.pace);
    failpoint('committed');
    batch = undefined;
    stored = end;
    if (comparePositions(reached, end) < 0) reached = end;
    options.committed({ position: end, transactions, rows, committedAtMs });
    failpoint('acknowledged');
  };

  const settle = async () => {
    if (batch || current || comparePositions(stored, reached) >= 0) return;
    lastIdleAt = performance.now();
    await movePosition(client, options.stream, options.fence, stored, reached, null);
    stored = reached;
    options.committed({ position: stored, transactions: 0, rows: 0, committedAtMs: undefined });
  };

  const write = (event: ChangeEvent): Promise<void> | undefined => {
    batch!.rows++;
    return events.write(event);
  };

  const complete = (end: Position, committedAtMs: number): Promise<void> | undefined => {
    batch!.transactions++;
    batch!.end = end;
    batch!.committedAtMs = committedAtMs;
    const { batchRowsMax, batchMsMax } = options.pace.limits;
    const full = batch!.rows >= batchRowsMax || performance.now() - batch!.openedAt >= batchMsMax;
    return full ? commit() : undefined;
  };

  const settleIfDue = (urgent: boolean): Promise<void> | undefined => {
    return urgent || performance.now() - lastIdleAt >= options.pace.limits.idleMs ? settle() : undefined;
  };

  /** All of the source below this position was handed over. */
  const proceed = (to: Position, urgent: boolean): Promise<void> | undefined => {
    if (batch) {
      // The source sends a keepalive behind nearly every transaction while it waits for more: it moves the position of what
      // is still to be committed, and must not cost a commit of its own.
      if (!current && comparePositions(batch.end, to) < 0) batch.end = to;
      return undefined;
    }
    if (comparePositions(reached, to) < 0) reached = to;
    return settleIfDue(urgent);
  };

  /** A promise only where something has to be waited for: most changes are merely taken. */
  const take = (item: Captured): Promise<void> | undefined => {
    switch (item.kind) {
      case 'begin': {
        const known = comparePositions(item.position, stored) < 0;
        current = { known, committedAtMs: item.committedAtMs };
        return undefined;
      }
      case 'change': {
        if (current!.known) return undefined;
        return batch ? write(item.event) : open(current!.committedAtMs).then(() => write(item.event));
      }
      case 'commit': {
        const { known, committedAtMs } = current!;
        current = undefined;
        if (known) return undefined;
        return batch
          ? complete(item.end, committedAtMs)
          : open(committedAtMs).then(() => complete(item.end, committedAtMs));
      }
      case 'table':
        options.checkColumns(item.schema, item.table, item.columns);
        return undefined;
      case 'message':
        // Within a transaction its place says nothing about what is still to come of that.
        if (current || item.prefix !== 'strangler') return undefined;
        return proceed({ ...stored, commitLsn: item.lsn }, item.content === 'settle');
      case 'echo':
        options.echoed(item.changes);
        if (batch) batch.end = item.end;
        else if (comparePositions(reached, item.end) < 0) reached = item.end;
        return settleIfDue(false);
      case 'progress':
        return proceed(item.reached, item.urgent);
    }
  };

  return {
    async apply(captured) {
      if (captured.some((item) => item.kind === 'change')) failpoint('capture');
      const unfinished = indexOfUnfinished(captured);
      for (let index = 0; index < captured.length; index++) {
        // What is complete should not wait for the end of a transaction that is still arriving.
        if (index === unfinished) await commit();
        const taken = take(captured[index]!);
        if (taken) await taken;
      }
      if (!current) await commit();
    },
    reached: () => reached,
    pendingSinceMs: () => batch?.committedAtMs ?? current?.committedAtMs,
    settle,
  };
}

/** Where a transaction begins that does not end within the list; -1 if there is none. */
function indexOfUnfinished(captured: readonly Captured[]): number {
  const begin = captured.findLastIndex((item) => item.kind === 'begin');
  return captured.findLastIndex((item) => item.kind === 'commit') > begin ? -1 : begin;
}

/**
 * @throws {StreamStop} `refused-at-commit` when a deferred constraint or trigger refuses: it is known by the transaction
 *   only. {CareNeeded} when it may have been one of several transactions.
 */
async function commitTransaction(client: pg.Client, transactions: number, { care }: Pick<Pace, 'care'>): Promise<void> {
  try {
    await client.query('COMMIT');
  } catch (error) {
    if (isTransient(error)) throw error;
    const stop = new StreamStop(
      'refused-at-commit',
      `the target refuses to commit ${transactions} source transactions: ${describeError(error)}`,
      'Mend the rows that the message names, the deferred constraint, or the mapping; the stream goes on by itself.',
      error,
    );
    throw care === 'transactions' ? stop : new CareNeeded('transactions', stop);
  }
}
