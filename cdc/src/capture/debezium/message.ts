import type { Json } from './column-text.ts';
import type { LogMessage } from './log-reader.ts';

type JsonObject = { readonly [name: string]: Json };

/** A message of the log, as far as its meaning does not depend on the tables. */
export type Message =
  | { readonly kind: 'begin'; readonly xid: number }
  | {
      readonly kind: 'end';
      readonly xid: number;
      /** Where the transaction's commit ends in the source's log: every commit below it was handed over before. */
      readonly endLsn: bigint;
      readonly events: number;
      readonly committedAtMs: number;
    }
  | RowMessage
  /** What someone wrote by `pg_logical_emit_message`. Outside of a transaction its position is one between commits. */
  | {
      readonly kind: 'mark';
      readonly transaction: TransactionPlace | undefined;
      readonly lsn: bigint;
      readonly prefix: string;
      readonly content: string;
    }
  /** A heartbeat of Debezium's own, or a tombstone: the delete came before it. */
  | { readonly kind: 'nothing' };

/** The place of an event in its transaction. */
export interface TransactionPlace {
  readonly xid: number;
  /** From 1; goes on where it was when the connector is started again. */
  readonly order: number;
}

export interface RowMessage {
  readonly kind: 'row';
  readonly transaction: TransactionPlace;
  readonly op: 'c' | 'u' | 'd' | 't';
  readonly schema: string;
  readonly table: string;
  readonly lsn: bigint;
  /** The replication origin that the transaction bears. */
  readonly origin: string | undefined;
  /** Where the last commit ended that the connector had handed over before; null if it knew of none. */
  readonly previousEnd: bigint | null;
  readonly committedAtMs: number;
  readonly capturedAtMs: number;
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
  /** Of the delete of a key change: the key that the row has from now on. */
  readonly newKey: JsonObject | undefined;
  /** Of the create of a key change: the key that it had before. */
  readonly oldKey: JsonObject | undefined;
  /** One life of the connector's task. */
  readonly run: string;
}

/** Reads a message. @throws Error when it is not one that Debezium writes with the settings of `connectorSettings`. */
export function parseMessage({ offset, value, headers }: LogMessage): Message {
  if (value === null) return NOTHING;
  try {
    const content = parseLossless(value.toString('utf8')) as JsonObject;
    if (typeof content.status === 'string') return boundary(content);
    if (typeof content.op === 'string') return content.op === 'm' ? mark(content) : row(content, headers);
    if (Object.keys(content).length === 1 && content.ts_ms !== undefined) return NOTHING;
    throw new Error('of no kind that is known');
  } catch (cause) {
    throw new Error(`message ${offset} of the log: ${(cause as Error).message}`, { cause });
  }
}

const NOTHING: Message = { kind: 'nothing' };

function boundary(content: JsonObject): Message {
  const [xid, lsn] = String(content.id).split(':');
  if (content.status === 'BEGIN') return { kind: 'begin', xid: Number(xid) };
  if (content.status !== 'END' || lsn === undefined) throw new Error('neither the begin nor the end of a transaction');
  return {
    kind: 'end',
    xid: Number(xid),
    endLsn: BigInt(lsn),
    events: Number(content.event_count),
    committedAtMs: Number(content.ts_ms),
  };
}

function mark(content: JsonObject): Message {
  const source = content.source as JsonObject;
  const { prefix, content: text } = content.message as JsonObject;
  return {
    kind: 'mark',
    transaction: placeOf(content),
    lsn: lsnOf(source.lsn),
    prefix: String(prefix),
    content: Buffer.from(String(text ?? ''), 'hex').toString('utf8'),
  };
}

function row(content: JsonObject, headers: LogMessage['headers']): RowMessage {
  const source = content.source as JsonObject;
  const op = content.op as string;
  const transaction = placeOf(content);
  if (!transaction)
    throw new Error('a row without its transaction: the connector does not tell where they begin and end');
  if (op !== 'c' && op !== 'u' && op !== 'd' && op !== 't') throw new Error(`an operation that is not known: ${op}`);
  const [previous] = JSON.parse(String(source.sequence)) as [string | null, string | null];
  return {
    kind: 'row',
    ...{ transaction, op, schema: String(source.schema), table: String(source.table) },
    lsn: lsnOf(source.lsn),
    origin: typeof source.origin === 'string' ? source.origin : undefined,
    previousEnd: previous === null ? null : BigInt(previous),
    committedAtMs: Number(source.ts_ms),
    capturedAtMs: Number(content.ts_ms),
    before: (content.before ?? null) as JsonObject | null,
    after: (content.after ?? null) as JsonObject | null,
    newKey: headerOf(headers, '__debezium.newkey'),
    oldKey: headerOf(headers, '__debezium.oldkey'),
    run: headers['__debezium.context.runId']?.toString('latin1') ?? '',
  };
}

function placeOf(content: JsonObject): TransactionPlace | undefined {
  const transaction = content.transaction as JsonObject | null | undefined;
  if (!transaction) return undefined;
  return { xid: Number.parseInt(String(transaction.id), 10), order: Number(transaction.total_order) };
}

function headerOf(headers: LogMessage['headers'], name: string): JsonObject | undefined {
  const header = headers[name];
  return header && (parseLossless(header.toString('utf8')) as JsonObject);
}

function lsnOf(value: Json | undefined): bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new Error('without a position in the log');
  return BigInt(value);
}

/** `JSON.parse`, except that integers which a JavaScript number cannot hold become bigints. */
export function parseLossless(text: string): Json {
  if (!MAYBE_LARGE.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_name, value, context?: { readonly source?: string }) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? '';
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}

/** Sixteen digits in a row where a value begins: also in a text, which then is only parsed more slowly. */
const MAYBE_LARGE = /[:,[]\s*-?\d{16}/;
