import type { ColumnType, HashFunctions } from './column-types.ts';

/** A value of a row as it is hashed, and how. */
export interface HashedValue {
  /** In the target's terms. */
  readonly expression: string;
  /** Of the target's column. */
  readonly type: ColumnType;
  /** May be NULL on either side. */
  readonly nullable: boolean;
}

/**
 * Types whose hash tells apart all that their text does. Not so `numeric` (1.0 and 1.00), floating point (0 and -0),
 * `interval` (a month and 30 days), arrays (bounds), `jsonb` (numbers within), enums (hashed by a number that each database
 * gives anew): of all others the text is hashed.
 */
const FAITHFUL = new Set(
  ['int2', 'int4', 'int8', 'bool', 'text', 'varchar', 'uuid', 'bytea', 'date', 'time', 'timestamp', 'timestamptz'].map(
    (name) => `pg_catalog.${name}`,
  ),
);

/** What stands in a hash for NULL; a bit beside it says that it is one. */
const IN_PLACE_OF_NULL: Readonly<Record<string, string>> = {
  int2: '0',
  int4: '0',
  int8: '0',
  bool: 'false',
  text: "''",
  uuid: "'00000000-0000-0000-0000-000000000000'",
  bytea: "''",
  date: "'2000-01-01'",
  time: "'00:00'",
  timestamp: "'2000-01-01'",
  timestamptz: "'2000-01-01 00:00+00'",
};

/** Bits of one whole number that say which values are NULL. */
const BITS = 60;

/**
 * 64 bits of a row, as SQL: the hash of each value is the seed of the next one's. That says as much as the hash of the row as
 * a record does, in half the time, as no record is made.
 *
 * @param seed SQL of the first one.
 */
export function rowHash(values: readonly HashedValue[], functions: HashFunctions, seed: string): string {
  let hash = seed;
  const nulls: string[] = [];
  const others: string[] = [];
  for (const value of values) {
    const faithful = FAITHFUL.has(value.type.name);
    const text = !faithful || value.type.name === 'pg_catalog.varchar';
    const type = text ? 'pg_catalog.text' : value.type.name;
    const name = functions.get(type);
    const expression = text ? `(${value.expression})::pg_catalog.text` : value.expression;
    if (!name) {
      others.push(expression);
      continue;
    }
    // The bytes, not what a collation takes for equal.
    const collated = type === 'pg_catalog.text' ? `(${expression}) COLLATE "C"` : expression;
    const zero = `${IN_PLACE_OF_NULL[type.replace('pg_catalog.', '')]}::${type}`;
    hash = `${name}(${value.nullable ? `coalesce(${collated}, ${zero})` : collated}, ${hash})`;
    if (value.nullable) nulls.push(`(${expression}) IS NULL`);
  }
  for (let from = 0; from < nulls.length; from += BITS) {
    const bits = nulls
      .slice(from, from + BITS)
      .map((isNull, bit) => `CASE WHEN ${isNull} THEN ${2n ** BigInt(bit)} ELSE 0 END`);
    hash = `pg_catalog.hashint8extended((${bits.join(' + ')})::pg_catalog.int8, ${hash})`;
  }
  return others.length > 0 ? `pg_catalog.hash_record_extended(ROW(${others.join(', ')}), ${hash})` : hash;
}
