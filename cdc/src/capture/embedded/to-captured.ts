import type { TableMapping } from 'strangler-migrations/define';
import type { ChangeEvent, EventSource, Row } from '../../change-event.ts';
import type { Epoch, Lsn, Position } from '../../position.ts';
import type { Captured } from '../capture.ts';
import { createDecoder, type NameOf, type Relation, type TupleRow } from './pgoutput.ts';
import type { WalMessage } from './replication-stream.ts';

/** Finds the primary key of a table whose stream does not tell it (REPLICA IDENTITY FULL). */
type PrimaryKeyOf = (schema: string, table: string) => readonly string[];

/** What the other direction of the same capability writes into the source of this one. */
export interface Echo {
  /** Whether a transaction that bears this replication origin is one of its. */
  isOrigin(origin: string): boolean;
  /** Whether it writes this table: others in its transactions are the work of triggers, and nobody else carries them. */
  writes(schema: string, table: string): boolean;
}

/** Turns the messages of one replication connection into what a capture hands over. */
export function createTranslator(
  epoch: Epoch,
  mappings: readonly TableMapping[],
  echo: Echo,
  nameOf?: NameOf,
): (message: WalMessage) => readonly Captured[] {
  const primaryKeys = new Map(
    mappings.map(({ source, key }) => [`${source.schema}.${source.name}`, key.map((column) => column.codec.source)]),
  );
  const primaryKeyOf: PrimaryKeyOf = (schema, table) => primaryKeys.get(`${schema}.${table}`) ?? [];
  const decode = createDecoder(nameOf);
  let transaction: { readonly position: Position; readonly txId: number; readonly committedAtMs: number } | undefined;
  let ordinal = 0;
  let lsn: Lsn = 0n;
  const sourceOf = (relation: Relation): EventSource => {
    if (!transaction) throw new Error('pgoutput: a change outside of a transaction');
    const { txId, committedAtMs: ts_ms } = transaction;
    return { schema: relation.schema, table: relation.name, txId, lsn, ordinal: ordinal++, ts_ms };
  };
  /** Whether the transaction was written by the other direction, and how many of its changes were left out. */
  let echoed = false;
  let dropped = 0;
  /** A transaction's beginning waits for the first of it that is handed over. */
  let begin: readonly Captured[] = NOTHING;

  const isEcho = ({ schema, name }: Relation) => echoed && echo.writes(schema, name);
  const drop = (): readonly Captured[] => {
    dropped++;
    ordinal++;
    return NOTHING;
  };
  const begun = (changes: readonly Captured[]): readonly Captured[] => {
    if (begin.length === 0) return changes;
    const all = [...begin, ...changes];
    begin = NOTHING;
    return all;
  };

  return (message) => {
    if (message.kind === 'keepalive') {
      // Inside a transaction the server's figure says nothing about what is still to come of it.
      if (transaction) return NOTHING;
      const reached = { epoch, commitLsn: message.endLsn, ordinal: 0 };
      return [{ kind: 'progress', reached, urgent: message.replyRequested }];
    }

    const decoded = decode(message.buffer, message.start, message.end);
    lsn = message.lsn;

    switch (decoded.kind) {
      case 'begin':
        transaction = {
          position: { epoch, commitLsn: decoded.commitLsn, ordinal: 0 },
          txId: decoded.xid,
          committedAtMs: decoded.committedAtMs,
        };
        ordinal = 0;
        echoed = false;
        dropped = 0;
        begin = [{ kind: 'begin', ...transaction }];
        return NOTHING;
      case 'origin':
        echoed = echo.isOrigin(decoded.name);
        return NOTHING;
      case 'commit': {
        transaction = undefined;
        const end = { epoch, commitLsn: decoded.endLsn, ordinal: 0 };
        const left: readonly Captured[] = dropped > 0 ? [{ kind: 'echo', changes: dropped, end }] : NOTHING;
        if (dropped > 0 && begin.length > 0) return left;
        return [...begin, { kind: 'commit', end }, ...left];
      }
      case 'relation': {
        const { schema, name, columns } = decoded.relation;
        return [{ kind: 'table', schema, table: name, columns: columns.map((column) => column.name) }];
      }
      case 'insert': {
        const { relation, after } = decoded;
        if (isEcho(relation)) return drop();
        const key = pick(after, keyColumns(relation, primaryKeyOf));
        return begun([change({ key, before: null, after, source: sourceOf(relation), op: 'c', ts_ms: Date.now() })]);
      }
      case 'update': {
        const { relation, before, after } = decoded;
        return isEcho(relation) ? drop() : begun(updated(relation, before, after, sourceOf, primaryKeyOf));
      }
      case 'delete': {
        const { relation, before } = decoded;
        if (isEcho(relation)) return drop();
        const key = pick(before, keyColumns(relation, primaryKeyOf));
        return begun([change({ key, before, after: null, source: sourceOf(relation), op: 'd', ts_ms: Date.now() })]);
      }
      case 'truncate':
        return decoded.relations.flatMap((relation) => {
          if (isEcho(relation)) return drop();
          const source = sourceOf(relation);
          return begun([change({ key: null, before: null, after: null, source, op: 't', ts_ms: Date.now() })]);
        });
      case 'message':
        return [{ kind: 'message', prefix: decoded.prefix, content: decoded.content, lsn: decoded.lsn }];
      case 'type':
        return NOTHING;
    }
  };
}

const NOTHING: readonly Captured[] = [];

function change(event: ChangeEvent): Captured {
  return { kind: 'change', event };
}

/** An update that keeps its key is one event; one that changes it is a delete and a create, as in Debezium. */
function updated(
  relation: Relation,
  before: TupleRow | undefined,
  after: TupleRow,
  sourceOf: (relation: Relation) => EventSource,
  primaryKeyOf: PrimaryKeyOf,
): readonly Captured[] {
  if (before && relation.replicaIdentity === 'full') {
    // A large value that did not change stands in the old row.
    for (const { name } of relation.columns) if (after[name] === undefined) after[name] = before[name] ?? null;
  }
  const columns = keyColumns(relation, primaryKeyOf);
  const key = pick(after, columns);
  const ts_ms = Date.now();
  if (!before || columns.every((column) => before[column] === key[column])) {
    return [change({ key, before: before ?? null, after, source: sourceOf(relation), op: 'u', ts_ms })];
  }
  const oldKey = pick(before, columns);
  return [
    change({ key: oldKey, before, after: null, source: sourceOf(relation), op: 'd', ts_ms, newKey: key }),
    change({ key, before: null, after, source: sourceOf(relation), op: 'c', ts_ms, oldKey }),
  ];
}

function keyColumns(relation: Relation, primaryKeyOf: PrimaryKeyOf): readonly string[] {
  if (relation.replicaIdentity === 'full') return primaryKeyOf(relation.schema, relation.name);
  let columns = identityColumns.get(relation);
  if (!columns) {
    columns = relation.columns.filter((column) => column.identity).map((column) => column.name);
    identityColumns.set(relation, columns);
  }
  return columns;
}

const identityColumns = new WeakMap<Relation, readonly string[]>();

function pick(row: TupleRow, columns: readonly string[]): Row {
  const picked: TupleRow = {};
  for (const column of columns) {
    const value = row[column];
    if (value !== undefined) picked[column] = value;
  }
  return picked;
}
