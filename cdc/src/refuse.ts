import type pg from 'pg';
import {
  checkTables,
  describeFaults,
  describeTables,
  type Migration,
  type TableMapping,
  type TableName,
} from 'strangler-migrations/define';
import { StreamStop } from './errors.ts';

/**
 * Proves that the declaration fits both databases as they are.
 *
 * @throws {StreamStop} `declaration`, with every fault at once.
 */
export async function refuseUnfit(migration: Migration, source: pg.Client, target: pg.Client): Promise<void> {
  const query = (client: pg.Client) => (sql: string, values: readonly unknown[]) =>
    client.query(sql, [...values]).then((result) => result.rows);
  const mappings = [...migration.tables, ...migration.follows];
  const faults = checkTables(migration, {
    source: await describeTables(query(source), uniqueTables(mappings.map((mapping) => mapping.source))),
    target: await describeTables(query(target), uniqueTables(mappings.map((mapping) => mapping.target))),
  });
  if (faults.length === 0) return;
  throw new StreamStop(
    'declaration',
    `the declaration of ${migration.capability} does not fit the two databases:\n${describeFaults(faults)}`,
    'Mend what is listed; the stream begins by itself once the databases fit, a declaration needs a new start.',
  );
}

/**
 * Refuses a table that the initial load knew nothing of: rows that it had before would be missing for good, and nobody
 * would know.
 *
 * @throws {StreamStop} `tables-added`.
 */
export function refuseAddedTables(loaded: readonly string[], mappings: readonly TableMapping[]): void {
  const declared = mappings.map((mapping) => tableName(mapping.source));
  const added = declared.filter((table) => !loaded.includes(table));
  if (added.length === 0) return;
  throw new StreamStop(
    'tables-added',
    `${added.join(', ')} came into the declaration after the initial load, so the target lacks the rows that they had before`,
    'Take them out again; or begin afresh: on the target empty the tables of the capability and delete its row of strangler.stream. The next start loads everything.',
  );
}

/** `schema.name`. */
export function tableName(table: TableName): string {
  return `${table.schema}.${table.name}`;
}

/** Each table once. */
export function uniqueTables(tables: readonly TableName[]): readonly TableName[] {
  return [...new Map(tables.map((table) => [tableName(table), table])).values()];
}
