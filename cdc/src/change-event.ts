import type { Text } from 'strangler-migrations/define';
import type { Lsn } from './position.ts';

/**
 * Columns of one row by name, each as PostgreSQL's text form, or null for SQL NULL. A column that is *absent* is one
 * whose value the log does not carry: a large value, stored out of line (TOAST), that the update did not change. It is
 * not null, and must never become it.
 */
export type Row = Readonly<Record<string, Text>>;

/** Debezium's letters: create, update, delete, truncate, and read (a row of the initial load). */
export type Operation = 'c' | 'u' | 'd' | 't' | 'r';

/** Where an event comes from: the part of Debezium's `source` block that apply relies on. */
export interface EventSource {
  readonly schema: string;
  readonly table: string;
  readonly txId: number;
  /** The LSN of the change itself. It does not order changes; see `Position`. */
  readonly lsn: Lsn;
  /** The number of the change in its transaction, from 0. */
  readonly ordinal: number;
  /** When the transaction committed, by the source's clock. */
  readonly ts_ms: number;
}

/**
 * One change of one row, in Debezium's envelope. As there, a changed primary key is two events, a delete and a create;
 * each names the other's key, as Debezium does in the headers `__debezium.newkey` and `__debezium.oldkey`.
 */
export interface ChangeEvent {
  /** The columns that name the row; null for truncate. */
  readonly key: Row | null;
  /** The row as it was, as far as the log carries it: the key, or everything under REPLICA IDENTITY FULL. */
  readonly before: Row | null;
  readonly after: Row | null;
  readonly source: EventSource;
  readonly op: Operation;
  /** When capture read it, by our clock. */
  readonly ts_ms: number;
  /** Of the delete of a key change: the key that the row has from now on. */
  readonly newKey?: Row;
  /** Of the create of a key change: the key that the row had before. */
  readonly oldKey?: Row;
}

/** For messages: `update of public.prod (prod_id=42), transaction 817`. */
export function describeEvent(event: ChangeEvent): string {
  const { source, key } = event;
  const name = { c: 'insert', u: 'update', d: 'delete', t: 'truncate', r: 'load' }[event.op];
  const columns = Object.entries(key ?? {}).map(([column, value]) => `${column}=${value}`);
  const which = columns.length > 0 ? ` (${columns.join(', ')})` : '';
  return `${name} of ${source.schema}.${source.table}${which}, transaction ${source.txId}, change ${source.ordinal}`;
}
