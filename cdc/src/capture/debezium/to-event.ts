import type { ChangeEvent, Row } from '../../change-event.ts';
import { describeEvent } from '../../change-event.ts';
import { StreamStop } from '../../errors.ts';
import { type ColumnReader, columnReader, type Json } from './column-text.ts';
import type { RowMessage } from './message.ts';
import type { SourceTable } from './source-tables.ts';

/** Makes a change event of a message; `ordinal` is its number among the rows of its transaction, from 0. */
export type ToEvent = (message: RowMessage, ordinal: number) => ChangeEvent;

/** For the tables of one stream, as they are in the source's catalogue. */
export function createToEvent(tables: ReadonlyMap<string, SourceTable>, placeholder: string): ToEvent {
  const readers = new Map<string, ReadonlyMap<string, ColumnReader>>();
  for (const [name, table] of tables) {
    readers.set(name, new Map([...table.columns].map(([column, type]) => [column, columnReader(type, placeholder)])));
  }
  return (message, ordinal) => {
    const { schema, table: name, op, lsn } = message;
    const table = tables.get(`${schema}.${name}`);
    const columns = readers.get(`${schema}.${name}`);
    if (!table || !columns) throw unknownTable(message);
    const source = { schema, table: name, txId: message.transaction.xid, lsn, ordinal, ts_ms: message.committedAtMs };
    const common = { source, op, ts_ms: message.capturedAtMs };
    if (op === 't') return { ...common, key: null, before: null, after: null };

    const read = (row: { readonly [name: string]: Json } | null, only?: readonly string[]): Row | null =>
      row && readRow(row, columns, only, message);
    const identity = table.fullIdentity ? undefined : table.key;
    // What is not of the identity is not in the log: Debezium writes null, or what the type takes for nothing.
    const before = read(message.before, identity);
    const after = read(message.after);
    if (after && before && table.fullIdentity) {
      // A large value that did not change stands in the old row.
      for (const column of columns.keys()) {
        if (after[column] === undefined && before[column] !== undefined) {
          (after as Record<string, string | null>)[column] = before[column]!;
        }
      }
    }
    const key = pick((after ?? before)!, table.key);
    return {
      ...common,
      ...{ key, before, after },
      ...(message.newKey ? { newKey: read(message.newKey, table.key)! } : {}),
      ...(message.oldKey ? { oldKey: read(message.oldKey, table.key)! } : {}),
    };
  };
}

function readRow(
  row: { readonly [name: string]: Json },
  columns: ReadonlyMap<string, ColumnReader>,
  only: readonly string[] | undefined,
  message: RowMessage,
): Row {
  const read: Record<string, string | null> = {};
  for (const name of only ?? Object.keys(row)) {
    const reader = columns.get(name);
    const value = row[name];
    // A column that the catalogue does not know was dropped, or added since; no mapping reads it.
    if (!reader || value === undefined) continue;
    try {
      const text = reader(value);
      if (text !== undefined) read[name] = text;
    } catch (cause) {
      throw unreadable(message, name, cause);
    }
  }
  return read;
}

function pick(row: Row, columns: readonly string[]): Row {
  const picked: Record<string, string | null> = {};
  for (const column of columns) {
    const value = row[column];
    if (value !== undefined) picked[column] = value;
  }
  return picked;
}

function unknownTable({ schema, table }: RowMessage): Error {
  return new Error(`the log carries a row of ${schema}.${table}, which the stream has not asked for`);
}

function unreadable(message: RowMessage, column: string, cause: unknown): StreamStop {
  const { schema, table, lsn, op } = message;
  const source = {
    schema,
    table,
    txId: message.transaction.xid,
    lsn,
    ordinal: message.transaction.order - 1,
    ts_ms: 0,
  };
  const event: ChangeEvent = { key: null, before: null, after: null, source, op, ts_ms: 0 };
  return new StreamStop(
    'not-carried',
    `${describeEvent(event)}: ${column}: ${(cause as Error).message}`,
    'Debezium writes this value in a form that cannot be read back. Use the embedded engine for this capability, and tell us of the type.',
    cause,
  );
}
