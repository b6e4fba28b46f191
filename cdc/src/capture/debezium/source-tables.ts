import type pg from 'pg';
import type { TableMapping, TableName } from 'strangler-migrations/define';
import { quoteName } from '../../database/connect.ts';
import { StreamStop } from '../../errors.ts';
import { MARKER_TABLE } from '../../ownership.ts';

/** A column's type, as far as reading Debezium's messages depends on it. Domains count as what they are made of. */
export interface ColumnType {
  /** `pg_type.typname`, of an array that of its elements. */
  readonly name: string;
  /** `pg_type.typtype`: `b` base, `e` enum, `c` composite, `r` range, `m` multirange. */
  readonly kind: string;
  readonly array: boolean;
  /** Of a `bit(n)`. */
  readonly width: number;
}

/** A table of the source as its catalogue has it. */
export interface SourceTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: ReadonlyMap<string, ColumnType>;
  /** Updates and deletes carry the whole old row. */
  readonly fullIdentity: boolean;
  /** The columns that name a row in the log. */
  readonly key: readonly string[];
}

interface CatalogueColumn {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly quoted: string;
  readonly shown: string;
  readonly type: string;
  readonly kind: string;
  readonly element: string | null;
  readonly element_kind: string | null;
  readonly width: number;
  readonly identity: string;
  readonly in_identity: boolean;
  readonly in_key: boolean;
  readonly checks: string[];
  readonly version: number;
}

const CATALOGUE = `
  SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, quote_ident(a.attname) AS quoted,
    format_type(a.atttypid, a.atttypmod) AS shown, t.typname AS type, t.typtype AS kind, base.typmod AS width,
    e.typname AS element, e.typtype AS element_kind, c.relreplident AS identity,
    coalesce(a.attnum = ANY (i.indkey), false) AS in_identity, coalesce(a.attnum = ANY (k.indkey), false) AS in_key,
    ARRAY(SELECT pg_get_expr(o.conbin, o.conrelid) FROM pg_catalog.pg_constraint o
          WHERE o.conrelid = c.oid AND o.contype = 'c' AND o.convalidated AND o.conkey = ARRAY[a.attnum]) AS checks,
    current_setting('server_version_num')::int AS version
  FROM unnest($1::text[], $2::text[]) AS w(s, t)
  JOIN pg_catalog.pg_namespace n ON n.nspname = w.s
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.t
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  CROSS JOIN LATERAL (
    WITH RECURSIVE made_of AS (
      SELECT a.atttypid AS oid, a.atttypmod AS typmod
      UNION ALL
      SELECT d.typbasetype, d.typtypmod FROM made_of m JOIN pg_catalog.pg_type d ON d.oid = m.oid WHERE d.typtype = 'd')
    SELECT m.oid, m.typmod FROM made_of m JOIN pg_catalog.pg_type d ON d.oid = m.oid WHERE d.typtype <> 'd') AS base
  JOIN pg_catalog.pg_type t ON t.oid = base.oid
  LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
  LEFT JOIN pg_catalog.pg_index k ON k.indrelid = c.oid AND k.indisprimary
  LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid
    AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
  ORDER BY 1, 2, a.attnum`;

async function readCatalogue(client: pg.Client, tables: readonly TableName[]): Promise<CatalogueColumn[]> {
  const names = [tables.map((table) => table.schema), tables.map((table) => table.name)];
  return (await client.query(CATALOGUE, names)).rows;
}

/**
 * Describes the tables that the mappings read.
 *
 * @throws {StreamStop} `not-carried`, with every column that Debezium would change without a word.
 */
export async function describeSource(
  client: pg.Client,
  mappings: readonly TableMapping[],
): Promise<ReadonlyMap<string, SourceTable>> {
  const columns = await readCatalogue(client, sourcesOf(mappings));
  const faults = findUncarried(columns, mappings);
  if (faults.length > 0) {
    throw new StreamStop(
      'not-carried',
      `Debezium cannot carry these columns as they are:\n${faults.map((fault) => `- ${fault.what}`).join('\n')}`,
      faults.map((fault) => fault.mend).join('\n'),
    );
  }
  const tables = new Map<string, { -readonly [K in keyof SourceTable]: SourceTable[K] } & { key: string[] }>();
  for (const column of columns) {
    const name = `${column.schema}.${column.table}`;
    if (!tables.has(name)) {
      const fullIdentity = column.identity === 'f';
      tables.set(name, { schema: column.schema, name: column.table, columns: new Map(), fullIdentity, key: [] });
    }
    const table = tables.get(name)!;
    (table.columns as Map<string, ColumnType>).set(column.column, typeOf(column));
    if (table.fullIdentity ? column.in_key : column.in_identity) table.key.push(column.column);
  }
  // Made with the guard, so possibly while the stream runs.
  tables.set(MARKER_TABLE, MARKER);
  return tables;
}

const MARKER: SourceTable & { key: string[] } = {
  ...{ schema: 'strangler', name: 'marker', fullIdentity: false, key: [] },
  columns: new Map(
    Object.entries({ capability: 'text', epoch: 'int8', attempt: 'uuid', kind: 'text' }).map(([column, name]) => [
      column,
      { name, kind: 'b', array: false, width: -1 },
    ]),
  ),
};

/** What each column is read as: what must not change while messages of it may wait in the log. */
export function typesOf(tables: ReadonlyMap<string, SourceTable>): Readonly<Record<string, string>> {
  const types: Record<string, string> = {};
  for (const [name, table] of tables) {
    for (const [column, type] of table.columns) {
      types[`${name}.${column}`] =
        `${type.name}${type.name === 'bit' ? `(${type.width})` : ''}${type.array ? '[]' : ''}`;
    }
  }
  return types;
}

/** A column that would not arrive as it is, and what would mend that. */
export interface Uncarried {
  readonly what: string;
  readonly mend: string;
}

/** Every mapped column that Debezium would change without a word. */
export async function examineSource(
  client: pg.Client,
  mappings: readonly TableMapping[],
): Promise<readonly Uncarried[]> {
  return findUncarried(await readCatalogue(client, sourcesOf(mappings)), mappings);
}

function sourcesOf(mappings: readonly TableMapping[]): readonly TableName[] {
  return [...new Map(mappings.map(({ source }) => [quoteName(source), source])).values()];
}

function findUncarried(columns: readonly CatalogueColumn[], mappings: readonly TableMapping[]): Uncarried[] {
  const read = new Set(
    mappings.flatMap(({ source, key, columns: codecs, pairs }) =>
      [
        ...[...key, ...codecs].map((each) => each.codec.source),
        ...pairs.flatMap((pair) => Object.keys(pair.source)),
      ].map((column) => `${source.schema}.${source.name}.${column}`),
    ),
  );
  const faults: Uncarried[] = [];
  for (const column of columns) {
    if (!read.has(`${column.schema}.${column.table}.${column.column}`)) continue;
    const why = uncarried(column);
    if (!why) continue;
    const table = quoteName({ schema: column.schema, name: column.table });
    faults.push({
      what: `${column.schema}.${column.table}.${column.column} (${column.shown}): ${why.loses}`,
      mend: why.check
        ? `ALTER TABLE ${table} ADD CHECK (${why.check});`
        : `Leave ${column.column} out of the declaration, give ${table} a column of another type for it, or use the embedded engine.`,
    });
  }
  const byIndex = new Map<string, CatalogueColumn[]>();
  for (const column of columns) {
    if (column.identity !== 'i') continue;
    const name = quoteName({ schema: column.schema, name: column.table });
    byIndex.set(name, [...(byIndex.get(name) ?? []), column]);
  }
  for (const [table, all] of byIndex) {
    if (all.every((column) => column.in_identity === column.in_key)) continue;
    faults.push({
      what: `${table}: its replica identity is an index of other columns than its primary key, by which Debezium names rows`,
      mend: `ALTER TABLE ${table} REPLICA IDENTITY DEFAULT;`,
    });
  }
  return faults;
}

/** Elements of which Debezium tells an unchanged large array apart from null. */
const CARRIED_ELEMENTS = new Set(['text', 'varchar', 'bpchar', 'json', 'jsonb', 'int4', 'int8', 'uuid']);

/** What Debezium would lose of a column, and the constraint by which the source rules that out, if one can. */
function uncarried(column: CatalogueColumn): { readonly loses: string; readonly check?: string } | undefined {
  const { quoted, checks, version } = column;
  const unless = (condition: string, loses: string, check: string) =>
    checks.some((expression) => expression.includes(condition)) ? undefined : { loses, check };
  if (column.element !== null) {
    if (!CARRIED_ELEMENTS.has(column.element)) {
      return { loses: 'an array of this type becomes null when it is large and an update leaves it alone' };
    }
    const check = `array_ndims(${quoted}) = 1 AND array_lower(${quoted}, 1) = 1`;
    return unless(
      `(array_ndims(${quoted}) = 1) AND (array_lower(${quoted}, 1) = 1)`,
      'of an array only one dimension arrives, without its bounds',
      check,
    );
  }
  switch (column.type) {
    case 'timetz':
      return { loses: 'the offset is lost' };
    case 'varbit':
      return { loses: 'leading zeros are lost' };
    case 'time':
      return unless(`${quoted} < '24:00:00'`, '24:00 becomes 00:00', `${quoted} < '24:00'`);
    case 'interval':
      if (version < 170_000) return undefined;
      return unless(`isfinite(${quoted})`, 'infinity becomes zero', `isfinite(${quoted})`);
    default:
      return undefined;
  }
}

function typeOf(column: CatalogueColumn): ColumnType {
  const array = column.element !== null;
  return {
    name: column.element ?? column.type,
    kind: column.element_kind ?? column.kind,
    array,
    width: column.width,
  };
}
