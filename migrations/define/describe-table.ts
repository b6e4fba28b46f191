import type { Query } from './query.ts';
import type { TableName } from './table.ts';
import type { ColumnDescription, TableDescription } from './table-description.ts';

/** `pg_class.relreplident`, https://www.postgresql.org/docs/current/catalog-pg-class.html */
const REPLICA_IDENTITIES: Readonly<Record<string, TableDescription['replicaIdentity']>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

/**
 * One row with the parts of a {@link TableDescription} of table $2 in schema $1; none if there is no such table. Views
 * and foreign tables are none: they have no change stream. Column names as JSON, so that no client's array parser counts.
 */
const DESCRIBE_TABLE = `
SELECT c.relreplident::text AS replica_identity,
  (SELECT json_agg(a.attname ORDER BY k.place)
     FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k(attnum, place), pg_attribute a
    WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum)::text AS primary_key,
  (SELECT json_agg(json_build_object(
       'name', a.attname,
       'type', format_type(a.atttypid, NULL),
       'fullType', format_type(a.atttypid, a.atttypmod),
       'enumLabels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid),
       'notNull', a.attnotnull,
       'hasDefault', (a.atthasdef AND a.attgenerated = '') OR a.attidentity <> '',
       'generated', a.attgenerated <> '',
       'toastable', a.attlen = -1 AND a.attstorage <> 'p' AND (c.reltoastrelid <> 0 OR c.relkind = 'p')
     ) ORDER BY a.attnum)
     FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')`;

/** What a database says about one of its tables; undefined if it has none of that name. */
export async function describeTable(query: Query, table: TableName): Promise<TableDescription | undefined> {
  const [row] = await query(DESCRIBE_TABLE, [table.schema, table.name]);
  if (row === undefined) return undefined;
  const replicaIdentity = REPLICA_IDENTITIES[row.replica_identity as string];
  if (replicaIdentity === undefined) throw new Error(`PostgreSQL knows a replica identity "${row.replica_identity}"`);
  const columns = parsed<(ColumnDescription & { enumLabels: readonly string[] | null })[]>(row.columns) ?? [];
  return {
    schema: table.schema,
    name: table.name,
    columns: columns.map(({ enumLabels, ...column }) => (enumLabels ? { ...column, enumLabels } : column)),
    primaryKey: parsed<string[]>(row.primary_key) ?? [],
    replicaIdentity,
  };
}

/** What a database says about several of its tables; those that it does not have are left out. */
export async function describeTables(query: Query, tables: readonly TableName[]): Promise<TableDescription[]> {
  const described: TableDescription[] = [];
  for (const table of tables) {
    const description = await describeTable(query, table);
    if (description) described.push(description);
  }
  return described;
}

function parsed<T>(json: unknown): T | undefined {
  return json === null ? undefined : (JSON.parse(json as string) as T);
}
