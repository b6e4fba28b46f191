import { createHash } from 'node:crypto';
import type { Text } from 'strangler-migrations/define';
import { floatText, moneyText, numericText } from './number-text.ts';
import type { ColumnType } from './source-tables.ts';
import { dateText, intervalText, momentText, timeText } from './temporal-text.ts';

/** A value of a message: JSON, with integers beyond 2^53 as bigint. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [name: string]: Json };

/**
 * Reads what Debezium says of a column as what PostgreSQL itself would print; undefined for a large value that the update
 * left alone, in place of which Debezium writes a placeholder.
 *
 * @throws Error when the value is not in a form that Debezium is known to write.
 */
export type ColumnReader = (value: Json) => Text | undefined;

/** The reader of a column, for messages with this placeholder. */
export function columnReader(type: ColumnType, placeholder: string): ColumnReader {
  const isPlaceholder = placeholderTest(type, placeholder);
  const read = type.array ? arrayReader(type) : scalarReader(type);
  return (value) => {
    if (value === null) return null;
    return isPlaceholder(value) ? undefined : read(value);
  };
}

type Reader = (value: Exclude<Json, null>) => string;

const SCALARS: Readonly<Record<string, Reader>> = {
  int2: integer,
  int4: integer,
  int8: integer,
  oid: integer,
  bool: (value) => (value === true ? 't' : value === false ? 'f' : unexpected(value)),
  numeric: (value) => numericText(string(value)),
  money: (value) => moneyText(string(value)),
  float4: (value) => floatText(float(value), 'real'),
  float8: (value) => floatText(float(value), 'double'),
  bytea: (value) => `\\x${string(value)}`,
  date: (value) => dateText(string(value)),
  time: (value) => timeText(string(value)),
  timestamp: (value) => momentText(string(value), ''),
  timestamptz: (value) => momentText(string(value), '+00'),
  interval: (value) => intervalText(string(value)),
  point: pointText,
  hstore: (value) => hstoreText(string(value)),
};

/** Types that Debezium hands over as PostgreSQL prints them. */
const AS_PRINTED = new Set(
  `text varchar bpchar name char xml json jsonb uuid citext inet cidr macaddr macaddr8 tsvector ltree
   int4range int8range numrange tsrange tstzrange daterange`.split(/\s+/),
);

/** Types that come by way of the driver's own classes, which write numbers as Java does. */
const GEOMETRIC = new Set(['box', 'circle', 'line', 'lseg', 'path', 'polygon']);

function scalarReader(type: ColumnType): Reader {
  const known = SCALARS[type.name];
  if (known) return known;
  if (type.kind === 'e' || AS_PRINTED.has(type.name)) return string;
  if (type.name === 'bit') return (value) => bitText(value, type.width);
  if (GEOMETRIC.has(type.name))
    return (value) => fromHex(value).replace(JAVA_DOUBLE, (each) => floatText(each, 'double'));
  // What Debezium has no type of its own for, it passes on as the bytes that PostgreSQL printed.
  return fromHex;
}

const JAVA_DOUBLE = /-?(?:Infinity|NaN|\d+\.\d+(?:E-?\d+)?)/g;

function arrayReader(type: ColumnType): Reader {
  const element = scalarReader({ ...type, array: false });
  return (value) => {
    if (!Array.isArray(value)) return unexpected(value);
    return `{${value.map((each: Json) => (each === null ? 'NULL' : arrayElement(element(each)))).join(',')}}`;
  };
}

/** As `array_out` quotes: only what could be read as something else. */
function arrayElement(text: string): string {
  if (text !== '' && !/[{}",\\\s]/.test(text) && text.toUpperCase() !== 'NULL') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Debezium's placeholders differ by type: bytes as numbers in an array of integers, a name-based UUID in one of UUIDs. */
function placeholderTest(type: ColumnType, placeholder: string): (value: Exclude<Json, null>) => boolean {
  if (!type.array) {
    const text = type.name === 'hstore' ? JSON.stringify({ [placeholder]: placeholder }) : placeholder;
    return (value) => value === text;
  }
  const bytes = [...Buffer.from(placeholder)];
  const elements: readonly (number | string)[] =
    type.name === 'int4' || type.name === 'int8'
      ? bytes
      : [type.name === 'uuid' ? nameBasedUuid(placeholder) : placeholder];
  return (value) =>
    Array.isArray(value) && value.length === elements.length && elements.every((each, index) => value[index] === each);
}

/** Java's `UUID.nameUUIDFromBytes`: version 3, without a name space. */
function nameBasedUuid(name: string): string {
  const hash = createHash('md5').update(name).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x30;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A single bit is a boolean; others are bytes, the lowest first. */
function bitText(value: Json, width: number): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  const bytes = Buffer.from(string(value), 'base64').reverse();
  const bits = bytes.length === 0 ? '' : BigInt(`0x${bytes.toString('hex')}`).toString(2);
  return bits.padStart(width, '0').slice(-width);
}

function pointText(value: Json): string {
  const { x, y } = value as { x?: Json; y?: Json };
  if (x === undefined || y === undefined || x === null || y === null) return unexpected(value);
  return `(${floatText(float(x), 'double')},${floatText(float(y), 'double')})`;
}

/** In the order in which an hstore keeps its keys: the shorter first, then by their bytes. */
function hstoreText(json: string): string {
  const pairs = Object.entries(JSON.parse(json) as Record<string, string | null>).map(([key, value]) => ({
    ...{ key, value, bytes: Buffer.from(key) },
  }));
  pairs.sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes));
  const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
  return pairs.map(({ key, value }) => `${quoted(key)}=>${value === null ? 'NULL' : quoted(value)}`).join(', ');
}

function integer(value: Json): string {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : unexpected(value);
}

function float(value: Json): number | string {
  return typeof value === 'bigint' ? Number(value) : typeof value === 'number' ? value : string(value);
}

function string(value: Json): string {
  return typeof value === 'string' ? value : unexpected(value);
}

function fromHex(value: Json): string {
  const hex = string(value);
  if (hex.length % 2 === 1 || !/^[0-9a-f]*$/.test(hex)) return unexpected(value);
  return Buffer.from(hex, 'hex').toString('utf8');
}

function unexpected(value: Json): never {
  throw new Error(`not in a form that Debezium is known to write: ${String(value).slice(0, 80)}`);
}
