import pg from 'pg';
import type { ColumnMapping, TableMapping, Text } from 'strangler-migrations/define';
import { quoteName } from '../database/connect.ts';
import type { Direction } from '../stream-name.ts';
import type { ColumnType, ColumnTypes, HashFunctions } from './column-types.ts';
import { type HashedValue, rowHash } from './row-hash.ts';

/** One side of a comparison, as parts of SQL over the table's alias `t`. */
export interface ComparedSide {
  /** `"schema"."name" AS t`. */
  readonly from: string;
  /** The key in the target's terms: equal rows of both sides have equal values. */
  readonly key: readonly string[];
  /** 64 bits of the whole row in the target's terms, over the parameter `$seed`; undefined where SQL cannot say it. */
  readonly hash: string | undefined;
  /** The columns that are read where rows travel. */
  readonly reads: readonly string[];
  /** What was read, as values of the target's columns. @throws {ValueError} for what the mapping cannot carry. */
  readonly values: (read: readonly Text[]) => readonly Text[];
}

/** One mapped table, ready to be compared. */
export interface ComparedTable {
  /** From the side that says how its rows have to be, which its owner does, to the other one. */
  readonly mapping: TableMapping;
  readonly direction: Direction;
  /** `schema.name` of both. */
  readonly sourceName: string;
  readonly targetName: string;
  /** The target's columns in the order of `values`, those of the key first. */
  readonly columns: readonly string[];
  /** For each column of the key, what its text is cast to. */
  readonly keyTypes: readonly string[];
  readonly source: ComparedSide;
  readonly target: ComparedSide;
}

/** Stands in `ComparedSide.hash` for the seed of the run. */
export const SEED = '$seed';

const WHOLE_NUMBERS = new Set(['pg_catalog.int2', 'pg_catalog.int4', 'pg_catalog.int8']);

/**
 * Compiles the comparison of one mapping, from the declaration alone.
 *
 * @param functions By which both servers make the same hash of the same value; undefined if they do not.
 */
export function compareTable(
  mapping: TableMapping,
  types: { readonly source: ColumnTypes; readonly target: ColumnTypes },
  functions: HashFunctions | undefined,
  direction: Direction,
): ComparedTable {
  const codecs: readonly ColumnMapping[] = [...mapping.key, ...mapping.columns];
  const columns = [
    ...codecs.map((column) => column.target),
    ...mapping.pairs.flatMap((pair) => Object.keys(pair.target)),
  ];
  const typeOf = (column: string): ColumnType => types.target.get(column)!;
  const shared = mapping.pairs.length === 0 && columns.every((column) => typeOf(column).shared);
  const hash = (values: readonly HashedValue[]) => (shared && functions ? rowHash(values, functions, SEED) : undefined);
  // Both sides have to say NULL in the same way.
  const nullable = ({ codec, target }: ColumnMapping) =>
    types.source.get(codec.source)!.nullable || typeOf(target).nullable;
  const hashed = (expression: (each: ColumnMapping) => string) =>
    hash(codecs.map((each) => ({ expression: expression(each), type: typeOf(each.target), nullable: nullable(each) })));
  const sourceValue = ({ codec, target }: ColumnMapping) =>
    cast(codec.forwardSql(column(codec.source)), typeOf(target));
  // Ranges go by the order of keys, so both databases have to have the same one; the one that all know is of bytes.
  const ordered = (expression: string, each: ColumnMapping) => {
    const order = typeOf(each.target).order;
    return order === null || order === types.source.get(each.codec.source)!.order
      ? expression
      : `(${expression}) COLLATE "C"`;
  };
  const sourceKey = (each: ColumnMapping) => {
    const bothWhole = [types.source.get(each.codec.source)!, typeOf(each.target)].every((type) =>
      WHOLE_NUMBERS.has(type.name),
    );
    // Whole numbers of different widths compare as they are, by the index of either.
    return bothWhole
      ? each.codec.forwardSql(column(each.codec.source))
      : ordered(keyCast(sourceValue(each), typeOf(each.target)), each);
  };
  const reads = [
    ...new Set([
      ...codecs.map(({ codec }) => codec.source),
      ...mapping.pairs.flatMap((pair) => Object.keys(pair.source)),
    ]),
  ];
  return {
    ...{ mapping, direction },
    sourceName: `${mapping.source.schema}.${mapping.source.name}`,
    targetName: `${mapping.target.schema}.${mapping.target.name}`,
    columns,
    keyTypes: mapping.key.map(({ target }) => (typeOf(target).shared ? keyType(typeOf(target)) : 'pg_catalog.text')),
    source: {
      from: `${quoteName(mapping.source)} AS t`,
      key: mapping.key.map(sourceKey),
      hash: hashed(sourceValue),
      reads: reads.map(column),
      values: (read) => forward(mapping, codecs, new Map(reads.map((name, index) => [name, read[index]!]))),
    },
    target: {
      from: `${quoteName(mapping.target)} AS t`,
      key: mapping.key.map((each) => ordered(keyCast(column(each.target), typeOf(each.target)), each)),
      hash: hashed((each) => column(each.target)),
      reads: columns.map(column),
      values: (read) => read,
    },
  };
}

/** The mapping once more, by itself: a fault in the one that copies must not be in the one that checks. */
function forward(mapping: TableMapping, codecs: readonly ColumnMapping[], row: ReadonlyMap<string, Text>): Text[] {
  const values = codecs.map(({ codec }) => {
    const value = row.get(codec.source)!;
    return value === null ? null : codec.forward(value);
  });
  for (const pair of mapping.pairs) {
    const made = pair.forward(Object.fromEntries(Object.keys(pair.source).map((name) => [name, row.get(name)!])));
    values.push(...Object.keys(pair.target).map((name) => made[name]!));
  }
  return values;
}

function column(name: string): string {
  return `t.${pg.escapeIdentifier(name)}`;
}

/** An expression as the target's type, without its modifier: a value that is too long must not be cut to fit. */
function cast(expression: string, type: ColumnType): string {
  return type.isEnum || !type.shared ? `(${expression})` : `(${expression})::${type.name}`;
}

/** An enum's order is its own database's; its text's is not. */
function keyType(type: ColumnType): string {
  return type.isEnum ? 'pg_catalog.text' : type.name;
}

function keyCast(expression: string, type: ColumnType): string {
  return type.isEnum || !type.shared ? `(${expression})::pg_catalog.text` : expression;
}
