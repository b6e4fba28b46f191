import pg from 'pg';
import { quoteName } from '../database/connect.ts';
import type { ComparedTable } from './compared-table.ts';

/** A foreign key between two tables of the target that this capability fills. */
export interface ForeignKey {
  readonly name: string;
  /** The columns that refer, and what they refer to, as `public.item (id)`. */
  readonly columns: readonly string[];
  readonly refersTo: string;
  /** SQL over the table's alias `t`: the row refers to one that is not there. */
  readonly orphaned: string;
}

/**
 * The foreign keys of a table that this capability alone has to keep. The sync fires no triggers, and PostgreSQL's foreign
 * keys are triggers, so nothing in the target has checked them.
 */
export async function readForeignKeys(
  client: pg.Client,
  table: ComparedTable,
  filled: ReadonlySet<string>,
): Promise<{ readonly checked: readonly ForeignKey[]; readonly foreign: readonly string[] }> {
  const { schema, name } = table.mapping.target;
  const { rows } = await client.query(
    `SELECT k.conname AS name, n.nspname AS schema, c.relname AS "table",
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place) AS referred
     FROM pg_catalog.pg_constraint k
     JOIN pg_catalog.pg_class c ON c.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = format('%I.%I', $1::text, $2::text)::regclass
     ORDER BY k.conname`,
    [schema, name],
  );
  const ours = rows.filter((row) => filled.has(`${row.schema}.${row.table}`));
  return {
    checked: ours.map((row) => ({
      name: row.name,
      columns: row.columns,
      refersTo: `${row.schema}.${row.table} (${row.referred.join(', ')})`,
      orphaned: orphaned({ schema: row.schema, name: row.table }, row.columns, row.referred),
    })),
    foreign: rows.filter((row) => !ours.includes(row)).map((row) => row.name),
  };
}

/** A row with a NULL among its columns refers to nothing (MATCH SIMPLE, PostgreSQL documentation, CREATE TABLE). */
function orphaned(
  to: { readonly schema: string; readonly name: string },
  columns: string[],
  referred: string[],
): string {
  const here = columns.map((column) => `t.${pg.escapeIdentifier(column)}`);
  const equal = here.map((each, index) => `r.${pg.escapeIdentifier(referred[index]!)} = ${each}`);
  const given = here.map((each) => `${each} IS NOT NULL`);
  return `${given.join(' AND ')} AND NOT EXISTS (SELECT FROM ${quoteName(to)} AS r WHERE ${equal.join(' AND ')})`;
}
