import type pg from 'pg';
import type { TableName } from 'strangler-migrations/define';

/** What a comparison has to know about the type of a column. */
export interface ColumnType {
  /** By its catalog name, a domain by the type below it: `pg_catalog.bpchar`, as a cast to "character" is to character(1). */
  readonly name: string;
  readonly isEnum: boolean;
  /** The other database can be asked for the same: a type of PostgreSQL's own, or an enum, by its text. */
  readonly shared: boolean;
  /** May be NULL, as far as the catalog knows. */
  readonly nullable: boolean;
  /** What decides the order of its texts, with the version of that; null for what is not text. */
  readonly order: string | null;
}

/** Column -> its type. */
export type ColumnTypes = ReadonlyMap<string, ColumnType>;

/** The types of a table's columns. */
export async function readColumnTypes(client: pg.Client, table: TableName): Promise<ColumnTypes> {
  const { rows } = await client.query(TYPES_SQL, [table.schema, table.name]);
  return new Map(
    rows.map((row) => [
      row.column,
      {
        ...{ name: row.type, isEnum: row.is_enum, shared: row.own || row.is_enum },
        ...{ nullable: row.nullable, order: row.order },
      },
    ]),
  );
}

const TYPES_SQL = `
  WITH RECURSIVE resolved AS (
    SELECT a.attname::text AS column, a.atttypid AS type, a.attcollation AS collation, NOT a.attnotnull AS nullable
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT r.column, t.typbasetype, r.collation, true FROM resolved r JOIN pg_catalog.pg_type t ON t.oid = r.type WHERE t.typtype = 'd'
  )
  SELECT r.column, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS type,
    t.typtype = 'e' AS is_enum, n.nspname = 'pg_catalog' AS own, r.nullable,
    -- Of its rows as JSON, as the names of some of their columns differ from version to version.
    CASE r.collation WHEN 0 THEN NULL
      WHEN 'pg_catalog.default'::regcollation THEN (
        SELECT jsonb_path_query_array(to_jsonb(d), '$.keyvalue() ? (@.key starts with "datloc" || @.key starts with "datcoll" ||
          @.key starts with "datctype" || @.key starts with "daticu").value')::text
        FROM pg_catalog.pg_database d WHERE d.datname = current_database())
      ELSE (SELECT (to_jsonb(c) - '{oid,collname,collnamespace,collowner}'::text[])::text
            FROM pg_catalog.pg_collation c WHERE c.oid = r.collation)
    END AS "order"
  FROM resolved r JOIN pg_catalog.pg_type t ON t.oid = r.type JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE t.typtype <> 'd'`;

/** What both servers are asked to hash: a value of each type whose hash is used, and a letter that encodings differ in. */
const PROBE = `SELECT pg_catalog.hash_record_extended(ROW(1::int2, 2::int4, 3::int8, true, 'é'::text,
  'e0e1f1e2-0000-4000-8000-000000000001'::uuid, '\\xff00'::bytea, '2020-02-29'::date, '12:34:56.789'::time,
  '2020-02-29 12:34:56.789'::timestamp, '2020-02-29 12:34:56.789+00'::timestamptz, NULL::text), 42)::text AS hash`;

/** Type -> the function that hashes a value of it, over a seed. Older versions lack some. */
export type HashFunctions = ReadonlyMap<string, string>;

const HASH_FUNCTIONS = Object.entries({
  int2: 'hashint2extended',
  int4: 'hashint4extended',
  int8: 'hashint8extended',
  bool: 'hashboolextended',
  text: 'hashtextextended',
  uuid: 'uuid_hash_extended',
  bytea: 'hashbyteaextended',
  date: 'hashdateextended',
  time: 'time_hash_extended',
  timestamp: 'timestamp_hash_extended',
  timestamptz: 'timestamptz_hash_extended',
});

/**
 * The functions by which both servers make the same hash of the same value; undefined when they do not. PostgreSQL
 * promises that for one server only: another major version, byte order or encoding may have another one.
 */
export async function readHashFunctions(source: pg.Client, target: pg.Client): Promise<HashFunctions | undefined> {
  const [one, other] = await Promise.all([source.query(PROBE), target.query(PROBE)]);
  if (one.rows[0].hash !== other.rows[0].hash) return undefined;
  const present = (client: pg.Client) =>
    client.query(
      `SELECT type FROM unnest($1::text[], $2::text[]) AS u(type, name)
       WHERE to_regprocedure(format('pg_catalog.%I(pg_catalog.%I, pg_catalog.int8)', name, type)) IS NOT NULL`,
      [HASH_FUNCTIONS.map(([type]) => type), HASH_FUNCTIONS.map(([, name]) => name)],
    );
  const [here, there] = await Promise.all([present(source), present(target)]);
  const both = new Set(here.rows.map(({ type }) => type).filter((type) => there.rows.some((row) => row.type === type)));
  return new Map(
    HASH_FUNCTIONS.filter(([type]) => both.has(type)).map(([type, name]) => [
      `pg_catalog.${type}`,
      `pg_catalog.${name}`,
    ]),
  );
}
