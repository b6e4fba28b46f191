import pg from 'pg';
import type { TableName } from 'strangler-migrations/define';
import { quoteName } from '../../database/connect.ts';
import { StreamStop, sqlState } from '../../errors.ts';
import { AFRESH } from './slot.ts';

/**
 * Which publication, and which of its entries, a stream began with: object identifiers by table, the publication's own
 * under "". One that was dropped and made again has others, and lacks what happened in between.
 */
export type PublicationIdentity = Readonly<Record<string, string>>;

/** What is wrong with a publication, for a stream of these tables. */
interface PublicationGap {
  readonly present: boolean;
  /** Tables that it lacks, or carries only in part, as `schema.name`. */
  readonly lacking: readonly string[];
  /** Tables that it carries beside. */
  readonly surplus: readonly string[];
  /** Kinds of change that it leaves out. */
  readonly operations: readonly string[];
  readonly identity: PublicationIdentity;
}

async function compare(client: pg.Client, name: string, tables: readonly TableName[]): Promise<PublicationGap> {
  const { rows } = await client.query(
    `SELECT array_remove(ARRAY[CASE WHEN NOT pubinsert THEN 'insert' END, CASE WHEN NOT pubupdate THEN 'update' END,
              CASE WHEN NOT pubdelete THEN 'delete' END, CASE WHEN NOT pubtruncate THEN 'truncate' END], NULL) AS operations,
       ARRAY(SELECT t.schemaname || '.' || t.tablename FROM pg_catalog.pg_publication_tables t
             WHERE t.pubname = p.pubname AND t.rowfilter IS NULL) AS tables,
       jsonb_build_object('', p.oid::text) || coalesce(
         (SELECT jsonb_object_agg(n.nspname || '.' || c.relname, r.oid::text)
          FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid), '{}') AS identity
     FROM pg_catalog.pg_publication p WHERE p.pubname = $1`,
    [name],
  );
  const wanted = tables.map((table) => `${table.schema}.${table.name}`);
  const carried: readonly string[] = rows[0]?.tables ?? [];
  return {
    present: rows.length > 0,
    lacking: wanted.filter((table) => !carried.includes(table)),
    surplus: carried.filter((table) => !wanted.includes(table)),
    operations: rows[0]?.operations ?? [],
    identity: rows[0]?.identity ?? {},
  };
}

/**
 * Makes the publication carry exactly these tables, before a slot begins.
 *
 * @throws {StreamStop} `denied`, with the statement that the tables' owner has to run.
 */
export async function ensurePublication(
  client: pg.Client,
  name: string,
  tables: readonly TableName[],
): Promise<PublicationIdentity> {
  const gap = await compare(client, name, tables);
  if (gap.operations.length > 0) throw refusal(name, describeGap(gap));
  if (gap.present && gap.lacking.length + gap.surplus.length === 0) return gap.identity;
  await change(client, gap.present ? alterPublication(name, tables) : createPublication(name, tables));
  return (await compare(client, name, tables)).identity;
}

/**
 * Proves that the publication still carries every table of a stream that runs. What was not published while it was
 * written is not in the stream, and PostgreSQL 18 says no word about a publication that is missing; so there is nothing
 * to repair here, only to stop. Tables that left the declaration are taken out.
 *
 * @throws {StreamStop} `publication-changed`.
 */
export async function verifyPublication(
  client: pg.Client,
  name: string,
  tables: readonly TableName[],
  began: PublicationIdentity,
): Promise<void> {
  const gap = await compare(client, name, tables);
  if (!gap.present || gap.lacking.length > 0 || gap.operations.length > 0) throw refusal(name, describeGap(gap));
  const entries = ['', ...tables.map((table) => `${table.schema}.${table.name}`)];
  const renewed = entries.filter((entry) => gap.identity[entry] !== began[entry]);
  if (renewed.length > 0) throw refusal(name, `was made anew${renewed[0] === '' ? '' : ` for ${renewed.join(', ')}`}`);
  if (gap.surplus.length > 0) await change(client, alterPublication(name, tables));
}

/** The statement that creates it. A partitioned table's rows come under the table's own name. */
export function createPublication(name: string, tables: readonly TableName[]): string {
  return `CREATE PUBLICATION ${pg.escapeIdentifier(name)} FOR TABLE ${list(tables)} WITH (publish_via_partition_root = true)`;
}

/** The statement that makes it carry these tables and no others. */
export function alterPublication(name: string, tables: readonly TableName[]): string {
  return `ALTER PUBLICATION ${pg.escapeIdentifier(name)} SET TABLE ${list(tables)}`;
}

const list = (tables: readonly TableName[]) => tables.map(quoteName).join(', ');

async function change(client: pg.Client, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    if (sqlState(error) !== '42501') throw error;
    throw new StreamStop(
      'denied',
      'the role that connects to the source may not change the publication',
      `As the owner of these tables, run: ${statement};`,
      error,
    );
  }
}

function describeGap({ present, lacking, operations }: PublicationGap): string {
  if (!present) return 'is gone';
  return lacking.length > 0
    ? `does not carry every row of ${lacking.join(', ')}`
    : `leaves out ${operations.join(', ')}`;
}

function refusal(name: string, what: string): StreamStop {
  return new StreamStop(
    'publication-changed',
    `the publication ${name} ${what}: changes that were written meanwhile are not in the stream`,
    AFRESH(name),
  );
}
