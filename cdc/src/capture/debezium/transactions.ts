import { StreamStop } from '../../errors.ts';
import { type Epoch, formatLsn, type Lsn } from '../../position.ts';
import type { Captured } from '../capture.ts';
import type { Echo } from '../embedded/to-captured.ts';
import type { LogMessage } from './log-reader.ts';
import { type Message, parseMessage, type RowMessage, type TransactionPlace } from './message.ts';
import type { ToEvent } from './to-event.ts';

export interface TransactionsOptions {
  readonly epoch: Epoch;
  /** Every commit below it is in the target. */
  readonly reached: Lsn;
  /** Nothing of the log was ever applied. */
  readonly fresh: boolean;
  /** Bytes of one transaction that are kept until its end is known; a larger one is read twice. */
  readonly bytesMax: number;
  readonly toEvent: ToEvent;
  /** What the other direction wrote is left out, and counted. */
  readonly echo: Echo;
}

/** What came of a message. */
export interface Taken {
  readonly captured: readonly Captured[];
  /** Read on from here: a large transaction is complete in the log, and has to be read once more. */
  readonly rewind?: bigint;
}

/**
 * Makes whole source transactions of the messages of a log. Connect delivers at least once: after each restart of
 * the connector a part of the log comes again, from any event of a transaction on. What came before is told by its
 * place (transaction and order in it) and, once the end of a transaction is known, by where that is in the source's log.
 *
 * Nothing is handed over of a transaction whose end is not there: so what is handed over is whole, and whether it is known
 * already is known when it begins.
 *
 * Each row names the end of the commit before it. When that is none that has been here, something is missing
 * (a topic that was compacted, cut off, or made anew), and the stream stops.
 */
export function createTransactions(options: TransactionsOptions): (message: LogMessage) => Taken {
  const { epoch, bytesMax, toEvent, echo } = options;
  let seen = options.reached;
  let open: OpenTransaction | undefined;
  /** The transaction that is being read for the second time. */
  let replay: { readonly end: Lsn } | undefined;
  const columnsOf = new Map<string, string>();

  const begin = (xid: number, offset: bigint): OpenTransaction => ({
    ...{
      xid,
      firstOffset: offset,
      firstOrder: 1,
      order: 0,
      rows: 0,
      echoes: 0,
      halves: 0,
      bytes: 0,
      parts: [],
      recent: new Map(),
      run: '',
    },
    ...{ sharesLsn: false, lastLsn: -1n, previousEnd: undefined, begun: false },
  });

  const atPlace = (place: TransactionPlace, offset: bigint): OpenTransaction => {
    if (open?.xid !== place.xid) {
      // The connector may go on in the middle of a transaction that has been here; its end will tell.
      open = begin(place.xid, offset);
      open.firstOrder = place.order;
      open.order = place.order - 1;
    }
    return open;
  };

  const row = (message: RowMessage, offset: bigint, bytes: number): readonly Captured[] => {
    const transaction = atPlace(message.transaction, offset);
    const { order } = message.transaction;
    const what = `${message.lsn} ${message.op} ${message.schema}.${message.table} ${identityOf(message)}`;
    refuseCutCopy(transaction, message);
    if (order <= transaction.order) {
      const earlier = transaction.recent.get(order);
      if (earlier !== undefined && earlier !== what) throw cutCopy(transaction.xid);
      return NOTHING;
    }
    if (order > transaction.order + 1) throw gap(`of transaction ${transaction.xid} the events before number ${order}`);
    if (message.lsn === transaction.lastLsn && message.op === 'c' && !message.oldKey) transaction.sharesLsn = true;
    transaction.lastLsn = message.lsn;
    transaction.order = order;
    transaction.recent.set(order, what);
    transaction.recent.delete(order - RECENT_MAX);
    if (transaction.previousEnd === undefined) transaction.previousEnd = message.previousEnd;
    if (message.origin && echo.isOrigin(message.origin) && echo.writes(message.schema, message.table)) {
      transaction.rows++;
      // A changed key is one change, of which Debezium makes two events.
      if (message.newKey) transaction.halves++;
      else transaction.echoes++;
      return NOTHING;
    }
    const parts: Captured[] = [];
    const columns = message.after ? Object.keys(message.after) : undefined;
    const name = `${message.schema}.${message.table}`;
    if (columns && columnsOf.get(name) !== columns.join()) {
      columnsOf.set(name, columns.join());
      parts.push({ kind: 'table', schema: message.schema, table: message.table, columns });
    }
    if (replay) {
      parts.push({ kind: 'change', event: toEvent(message, transaction.rows++) });
      return opened(transaction, replay.end, message.committedAtMs, parts);
    }
    transaction.bytes += bytes;
    if (transaction.bytes > bytesMax) transaction.parts = undefined;
    transaction.parts?.push(...parts, { kind: 'change', event: toEvent(message, transaction.rows++) });
    return NOTHING;
  };

  /** What begins a transaction that is handed over as it comes. */
  const opened = (transaction: OpenTransaction, end: Lsn, committedAtMs: number, parts: Captured[]) => {
    if (transaction.begun) return parts;
    transaction.begun = true;
    return [beginOf(epoch, transaction.xid, end, committedAtMs), ...parts];
  };

  const end = (message: Extract<Message, { kind: 'end' }>, offset: bigint): Taken => {
    const transaction = open?.xid === message.xid ? open : begin(message.xid, offset);
    open = undefined;
    const endPosition = { epoch, commitLsn: message.endLsn, ordinal: 0, nextOffset: offset + 1n };
    const { echoes } = transaction;
    const left: readonly Captured[] = echoes > 0 ? [{ kind: 'echo', changes: echoes, end: endPosition }] : NOTHING;
    const onlyEchoes = echoes > 0 && echoes + transaction.halves === transaction.rows;
    const commit: Captured = { kind: 'commit', end: endPosition };
    if (replay) {
      seen = message.endLsn;
      replay = undefined;
      if (onlyEchoes) return { captured: left };
      return { captured: [...opened(transaction, message.endLsn, message.committedAtMs, [commit]), ...left] };
    }
    // Known already: the connector began again at an earlier place.
    if (message.endLsn <= seen) return TAKEN_NOTHING;
    if (transaction.firstOrder !== 1 || transaction.order !== message.events) {
      throw gap(
        `${message.events - (transaction.order - transaction.firstOrder + 1)} events of transaction ${message.xid}`,
      );
    }
    refuseGapBefore(transaction, seen, options);
    if (!transaction.parts) {
      replay = { end: message.endLsn };
      return { captured: NOTHING, rewind: transaction.firstOffset };
    }
    seen = message.endLsn;
    if (transaction.rows === 0) return { captured: [{ kind: 'progress', reached: endPosition, urgent: false }] };
    if (onlyEchoes) return { captured: left };
    const begun = beginOf(epoch, message.xid, message.endLsn, message.committedAtMs);
    return { captured: [begun, ...transaction.parts, commit, ...left] };
  };

  return (raw) => {
    const message = parseMessage(raw);
    switch (message.kind) {
      case 'nothing':
        return TAKEN_NOTHING;
      case 'begin':
        // The same one begins again where the connector began again before it: what was here of it counts.
        if (open?.xid !== message.xid) open = begin(message.xid, raw.offset);
        return TAKEN_NOTHING;
      case 'row':
        return { captured: row(message, raw.offset, raw.value!.length) };
      case 'end':
        return end(message, raw.offset);
      case 'mark': {
        if (message.transaction) {
          const transaction = atPlace(message.transaction, raw.offset);
          if (message.transaction.order === transaction.order + 1) transaction.order++;
          return TAKEN_NOTHING;
        }
        const { prefix, content, lsn } = message;
        if (lsn > seen) seen = lsn;
        return {
          captured: [
            { kind: 'message', prefix, content, lsn },
            {
              kind: 'progress',
              reached: { epoch, commitLsn: lsn, ordinal: 0, nextOffset: raw.offset + 1n },
              urgent: false,
            },
          ],
        };
      }
    }
  };
}

interface OpenTransaction {
  readonly xid: number;
  readonly firstOffset: bigint;
  /** The order of the first event that came of it. */
  firstOrder: number;
  /** The order of the last one. */
  order: number;
  rows: number;
  /** How many of the rows the other direction wrote. */
  echoes: number;
  /** Events of those that are the first half of a change. */
  halves: number;
  bytes: number;
  /** Undefined once they have become too many to be kept. */
  parts: Captured[] | undefined;
  /** What the last events were, by their order: what comes again has to be the same. */
  readonly recent: Map<number, string>;
  run: string;
  /** Rows of it share a position in the source's log, as those of a COPY do. */
  sharesLsn: boolean;
  lastLsn: Lsn;
  previousEnd: Lsn | null | undefined;
  /** Its begin was handed over. */
  begun: boolean;
}

/** More than the connector ever sends again of one transaction: what its queue and its producer hold. */
const RECENT_MAX = 20_000;

const NOTHING: readonly Captured[] = [];
const TAKEN_NOTHING: Taken = { captured: NOTHING };

/** As any position below the commit's end tells it from what ends there or before. */
function beginOf(epoch: Epoch, txId: number, end: Lsn, committedAtMs: number): Captured {
  return { kind: 'begin', position: { epoch, commitLsn: end - 1n, ordinal: 0 }, txId, committedAtMs };
}

function identityOf({ before, after }: RowMessage): string {
  const row = after ?? before;
  return row
    ? JSON.stringify(Object.values(row).slice(0, 4), (_name, value) =>
        typeof value === 'bigint' ? String(value) : value,
      )
    : '';
}

/**
 * Rows of one COPY share their position in the log, and a connector that begins again behind one of them leaves the rest of
 * them out (Debezium's issue 1554). It shows where rows come again and are others; and where a connector begins again
 * amid such rows, it has to be assumed.
 */
function refuseCutCopy(transaction: OpenTransaction, message: RowMessage): void {
  const again = transaction.run !== '' && transaction.run !== message.run;
  transaction.run = message.run;
  if (again && message.transaction.order > 1 && transaction.sharesLsn) throw cutCopy(transaction.xid);
}

/** @throws {StreamStop} `log-gap` when commits are missing between what was here and this transaction. */
function refuseGapBefore(
  { xid, previousEnd }: OpenTransaction,
  seen: Lsn,
  { fresh, reached }: TransactionsOptions,
): void {
  if (previousEnd === undefined) return;
  if (previousEnd === null) {
    // The first transaction of a connector has none before it. Later ones that name none come of lost offsets.
    if (fresh && seen === reached) return;
    throw gap(`what came before transaction ${xid}, as the connector has lost its offsets,`);
  }
  if (previousEnd > seen) throw gap(`the commits from ${formatLsn(seen)} to ${formatLsn(previousEnd)}`);
}

function gap(what: string): StreamStop {
  return new StreamStop(
    'log-gap',
    `${what} is missing in the log: the topic was cut off, compacted or made anew, or the connector was set back`,
    'Nothing behind it was applied. To begin afresh: on the target empty the tables of the capability and delete its row of strangler.stream; the next start loads everything again.',
  );
}

function cutCopy(xid: number): StreamStop {
  return new StreamStop(
    'log-gap',
    `the connector was started again in the middle of a COPY, transaction ${xid}, and has left rows of it out (Debezium's issue 1554)`,
    'Nothing of that transaction was applied. To begin afresh: on the target empty the tables of the capability and delete its row of strangler.stream; the next start loads everything again.',
  );
}
