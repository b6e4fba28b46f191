import type { TableMapping } from 'strangler-migrations/define';
import type { ChangeEvent, EventSource, Row } from '../../change-event.ts';
import type { Epoch, Position } from '../../position.ts';
import type { Captured } from '../capture.ts';
import { createDecoder, type Relation, type TupleRow } from './pgoutput.ts';
import type { WalMessage } from './replication-stream.ts';

/** Finds the primary key of a table whose stream does not tell it (REPLICA IDENTITY FULL). */
type PrimaryKeyOf = (schema: string, table: string) => readonly string[];

/** Turns the messages of one replication connection into what a capture hands over. */
export function createTranslator(
  epoch: Epoch,
  mappings: readonly TableMapping[],
): (message: WalMessage) => readonly Captured[] {
  const primaryKeys = new Map(
    mappings.map(({ source, key }) => [`${source.schema}.${source.name}`, key.map((column) => column.codec.source)]),
  );
  const primaryKeyOf: PrimaryKeyOf = (schema, table) => primaryKeys.get(`${schema}.${table}`) ?? [];
  const decode = createDecoder();
  let transaction: { readonly position: Position; readonly txId: number; readonly committedAtMs: number } | undefined;
  let ordinal = 0;

  return (message) => {
    if (message.kind === 'keepalive') {
      // Inside a transaction the server's figure says nothing about what is still to come of it.
      if (transaction) return NOTHING;
      const reached = { epoch, commitLsn: message.endLsn, ordinal: 0 };
      return [{ kind: 'progress', reached, urgent: message.replyRequested }];
    }

    const decoded = decode(message.payload);
    const sourceOf = (relation: Relation): EventSource => {
      if (!transaction) throw new Error('pgoutput: a change outside of a transaction');
      const { txId, committedAtMs: ts_ms } = transaction;
      return { schema: relation.schema, table: relation.name, txId, lsn: message.lsn, ordinal: ordinal++, ts_ms };
    };

    switch (decoded.kind) {
      case 'begin':
        transaction = {
          position: { epoch, commitLsn: decoded.commitLsn, ordinal: 0 },
          txId: decoded.xid,
          committedAtMs: decoded.committedAtMs,
        };
        ordinal = 0;
        return [{ kind: 'begin', ...transaction }];
      case 'commit':
        transaction = undefined;
        return [{ kind: 'commit', end: { epoch, commitLsn: decoded.endLsn, ordinal: 0 } }];
      case 'relation': {
        const { schema, name, columns } = decoded.relation;
        return [{ kind: 'table', schema, table: name, columns: columns.map((column) => column.name) }];
      }
      case 'insert': {
        const { relation, after } = decoded;
        const key = pick(after, keyColumns(relation, primaryKeyOf));
        return [change({ key, before: null, after, source: sourceOf(relation), op: 'c', ts_ms: Date.now() })];
      }
      case 'update':
        return updated(decoded.relation, decoded.before, decoded.after, sourceOf, primaryKeyOf);
      case 'delete': {
        const { relation, before } = decoded;
        const key = pick(before, keyColumns(relation, primaryKeyOf));
        return [change({ key, before, after: null, source: sourceOf(relation), op: 'd', ts_ms: Date.now() })];
      }
      case 'truncate':
        return decoded.relations.map((relation) =>
          change({ key: null, before: null, after: null, source: sourceOf(relation), op: 't', ts_ms: Date.now() }),
        );
      case 'message':
        return [{ kind: 'message', prefix: decoded.prefix, content: decoded.content, lsn: decoded.lsn }];
      case 'origin':
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
    for (const { name } of relation.columns) after[name] ??= before[name] ?? null;
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
