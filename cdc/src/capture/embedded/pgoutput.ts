import type { TableName, Text } from 'strangler-migrations/define';
import type { Lsn } from '../../position.ts';

/**
 * Messages of the plugin pgoutput, protocol version 1 (PostgreSQL documentation, "Logical Replication Message Formats").
 */
export type PgOutputMessage =
  | { readonly kind: 'begin'; readonly commitLsn: Lsn; readonly committedAtMs: number; readonly xid: number }
  | { readonly kind: 'commit'; readonly commitLsn: Lsn; readonly endLsn: Lsn }
  | { readonly kind: 'origin'; readonly name: string }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'type'; readonly oid: number; readonly schema: string; readonly name: string }
  | { readonly kind: 'insert'; readonly relation: Relation; readonly after: TupleRow }
  | {
      readonly kind: 'update';
      readonly relation: Relation;
      /** The old key if the update changed it, the old row under REPLICA IDENTITY FULL, else undefined. */
      readonly before: TupleRow | undefined;
      readonly after: TupleRow;
    }
  | { readonly kind: 'delete'; readonly relation: Relation; readonly before: TupleRow }
  | { readonly kind: 'truncate'; readonly relations: readonly Relation[] }
  | {
      readonly kind: 'message';
      readonly transactional: boolean;
      readonly lsn: Lsn;
      readonly prefix: string;
      readonly content: string;
    };

/** A table as the stream describes it, before its first row and after each change of its definition. */
export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
  readonly columns: readonly RelationColumn[];
}

export interface RelationColumn {
  readonly name: string;
  /** Part of the replica identity. Under REPLICA IDENTITY FULL every column is. */
  readonly identity: boolean;
  readonly typeOid: number;
}

/** Column -> text form, or null. Columns that the message does not carry are absent. */
export type TupleRow = Record<string, Text>;

/** The name that a table goes by here, for the one that it had when its rows were written. */
export type NameOf = (oid: number, name: TableName) => TableName;

/** Decodes the messages of one replication connection, in order: rows refer to relations that were sent before. */
export function createDecoder(
  nameOf: NameOf = (_oid, name) => name,
): (message: Buffer, start?: number, end?: number) => PgOutputMessage {
  const relations = new Map<number, Relation>();
  const reader = createReader();

  const relationOf = (): Relation => {
    const oid = reader.uint32();
    const relation = relations.get(oid);
    if (!relation) throw new Error(`pgoutput: a row of relation ${oid}, which was never described`);
    return relation;
  };

  return (message, start = 0, end = message.length) => {
    reader.open(message, start, end);
    const type = reader.char();
    switch (type) {
      case 'I': {
        const relation = relationOf();
        expectChar(reader, 'N');
        return { kind: 'insert', relation, after: decodeTuple(reader, relation, false) };
      }
      case 'U': {
        const relation = relationOf();
        let part = reader.char();
        let before: TupleRow | undefined;
        if (part !== 'N') {
          before = decodeTuple(reader, relation, part === 'K');
          part = reader.char();
        }
        if (part !== 'N') throw new Error(`pgoutput: an update without its new row (${part})`);
        return { kind: 'update', relation, before, after: decodeTuple(reader, relation, false) };
      }
      case 'D': {
        const relation = relationOf();
        return { kind: 'delete', relation, before: decodeTuple(reader, relation, reader.char() === 'K') };
      }
      case 'B':
        return {
          kind: 'begin',
          commitLsn: reader.uint64(),
          committedAtMs: toUnixMs(reader.uint64()),
          xid: reader.uint32(),
        };
      case 'C':
        reader.skip(1);
        return { kind: 'commit', commitLsn: reader.uint64(), endLsn: reader.uint64() };
      case 'R': {
        const relation = decodeRelation(reader, nameOf);
        relations.set(relation.oid, relation);
        return { kind: 'relation', relation };
      }
      case 'T': {
        const count = reader.uint32();
        reader.skip(1);
        return { kind: 'truncate', relations: Array.from({ length: count }, () => relationOf()) };
      }
      case 'M': {
        const transactional = (reader.uint8() & 1) === 1;
        const lsn = reader.uint64();
        const prefix = reader.string();
        return { kind: 'message', transactional, lsn, prefix, content: reader.text(reader.uint32()) };
      }
      case 'O':
        reader.skip(8);
        return { kind: 'origin', name: reader.string() };
      case 'Y':
        return { kind: 'type', oid: reader.uint32(), schema: reader.string(), name: reader.string() };
      default:
        throw new Error(`pgoutput: a message of an unknown kind, ${JSON.stringify(type)}`);
    }
  };
}

function decodeRelation(reader: Reader, nameOf: NameOf): Relation {
  const oid = reader.uint32();
  const schema = reader.string() || 'pg_catalog';
  const name = reader.string();
  const replicaIdentity = ({ d: 'default', n: 'nothing', f: 'full', i: 'index' } as const)[reader.char()];
  if (!replicaIdentity) throw new Error(`pgoutput: an unknown replica identity of ${schema}.${name}`);
  const columns = Array.from({ length: reader.uint16() }, () => {
    const identity = (reader.uint8() & 1) === 1;
    const column = { name: reader.string(), identity, typeOid: reader.uint32() };
    reader.skip(4);
    return column;
  });
  return { oid, ...nameOf(oid, { schema, name }), replicaIdentity, columns };
}

/**
 * `keyOnly`: the tuple carries the identity's columns alone; the others are sent as null but are not known to be it.
 */
function decodeTuple(reader: Reader, relation: Relation, keyOnly: boolean): TupleRow {
  const { columns } = relation;
  const count = reader.uint16();
  if (count !== columns.length) {
    throw new Error(
      `pgoutput: a row of ${count} columns for ${relation.schema}.${relation.name}, described with ${columns.length}`,
    );
  }
  const row: TupleRow = {};
  const values = reader.values(count);
  for (let index = 0; index < count; index++) {
    const column = columns[index]!;
    const value = values[index];
    if (value !== undefined && (!keyOnly || column.identity)) row[column.name] = value;
  }
  return row;
}

const TEXT = 't'.charCodeAt(0);
const NULL = 'n'.charCodeAt(0);
const UNCHANGED = 'u'.charCodeAt(0);

/** Milliseconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

/** PostgreSQL's microseconds since 2000 as milliseconds since 1970. */
function toUnixMs(microseconds: bigint): number {
  return POSTGRES_EPOCH_MS + Number(microseconds / 1_000n);
}

/** Milliseconds since 1970 as PostgreSQL's microseconds since 2000. */
export function toPostgresMicroseconds(unixMs: number): bigint {
  return BigInt(Math.round(unixMs - POSTGRES_EPOCH_MS)) * 1_000n;
}

function expectChar(reader: Reader, expected: string): void {
  const found = reader.char();
  if (found !== expected) throw new Error(`pgoutput: expected ${expected}, found ${JSON.stringify(found)}`);
}

interface Reader {
  /** Reads these bytes from now on. */
  open(from: Buffer, start: number, end: number): void;
  uint8(): number;
  uint16(): number;
  uint32(): number;
  uint64(): bigint;
  char(): string;
  /** A string that ends with a zero byte. */
  string(): string;
  /** `length` bytes of UTF-8. */
  text(length: number): string;
  skip(bytes: number): void;
  /**
   * The values of a tuple; undefined is one that the message does not carry. The list is used again for the next tuple.
   */
  values(count: number): readonly (Text | undefined)[];
}

/** Integers are big-endian; a read beyond the end throws. One reader serves all messages, one after the other. */
function createReader(): Reader {
  let buffer: Buffer = Buffer.alloc(0);
  let offset = 0;
  let limit = 0;
  const starts: number[] = [];
  const ends: number[] = [];
  const values: (Text | undefined)[] = [];
  const advance = (bytes: number) => {
    const start = offset;
    offset += bytes;
    if (offset > limit) throw new RangeError('pgoutput: a message ends early');
    return start;
  };
  const uint32 = () => buffer.readUInt32BE(advance(4));
  return {
    open(from, start, end) {
      buffer = from;
      offset = start;
      limit = end;
    },
    uint8: () => buffer.readUInt8(advance(1)),
    uint16: () => buffer.readUInt16BE(advance(2)),
    uint32,
    uint64: () => buffer.readBigUInt64BE(advance(8)),
    char: () => String.fromCharCode(buffer.readUInt8(advance(1))),
    string: () => {
      const end = buffer.indexOf(0, offset);
      if (end < 0 || end >= limit) throw new RangeError('pgoutput: a message ends early');
      const start = advance(end - offset + 1);
      return buffer.toString('utf8', start, end);
    },
    text: (length) => {
      const start = advance(length);
      return buffer.toString('utf8', start, start + length);
    },
    skip: (bytes) => {
      advance(bytes);
    },
    values(count) {
      const from = offset;
      let long = false;
      for (let index = 0; index < count; index++) {
        const kind = buffer[advance(1)];
        starts[index] = kind === NULL ? IS_NULL : IS_ABSENT;
        if (kind === TEXT) {
          const length = uint32();
          starts[index] = advance(length);
          ends[index] = offset;
          long ||= length > SHORT_MAX;
        } else if (kind !== NULL && kind !== UNCHANGED) {
          throw new Error(`pgoutput: a value of an unknown kind, ${kind}`);
        }
      }
      // To make one string of all bytes and cut it costs a fraction of making one for each value. It is right where each
      // byte became one character, as bytes between the values do too: of a longer one UTF-8 makes fewer.
      const whole = long ? '' : buffer.toString('utf8', from, offset);
      const cut = whole.length === offset - from;
      for (let index = 0; index < count; index++) {
        const start = starts[index]!;
        if (start < 0) values[index] = start === IS_NULL ? null : undefined;
        else if (cut) values[index] = whole.substring(start - from, ends[index]! - from);
        else values[index] = buffer.toString('utf8', start, ends[index]);
      }
      return values;
    },
  };
}

const IS_NULL = -1;
const IS_ABSENT = -2;

/** Longer values are made by themselves: a part of a string keeps all of it in memory. */
const SHORT_MAX = 127;
