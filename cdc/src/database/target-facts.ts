import type pg from 'pg';
import type { TableName } from 'strangler-migrations/define';
import type { TargetFacts, TargetTables } from '../apply/row-writer.ts';

/** What apply has to know about its tables beside their description. */
export async function readTargetFacts(client: pg.Client, tables: readonly TableName[]): Promise<TargetTables> {
  const facts = new Map<string, TargetFacts>();
  for (const { schema, name } of tables) {
    const { rows } = await client.query<FactRow>(FACTS_SQL, [schema, name]);
    facts.set(`${schema}.${name}`, {
      castTypes: Object.fromEntries(rows.map((row) => [row.name, row.cast_type])),
      otherUnique: rows.some((row) => row.other_unique),
      copyable: rows.every((row) => row.copyable),
    });
  }
  return facts;
}

interface FactRow {
  readonly name: string;
  readonly cast_type: string;
  readonly other_unique: boolean;
  readonly copyable: boolean;
}

// The type by its catalog name, not by format_type: a cast to "character" would be one to character(1).
const FACTS_SQL = `
  SELECT a.attname::text AS name,
    pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS cast_type,
    EXISTS (SELECT FROM pg_catalog.pg_index i
             WHERE i.indrelid = c.oid AND NOT i.indisprimary AND (i.indisunique OR i.indisexclusion)) AS other_unique,
    c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT c.relrowsecurity AS copyable
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
  WHERE n.nspname = $1 AND c.relname = $2`;
