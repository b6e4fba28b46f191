import pg from 'pg';
import type { TableName } from 'strangler-migrations/define';
import { quoteName } from '../../database/connect.ts';
import { StreamStop, sqlState } from '../../errors.ts';
import { MARKER_TABLE } from '../../ownership.ts';
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
  /** Whether the table of markers exists, and is carried. */
  readonly marker: 'absent' | 'lacking' | 'carried';
}

/** Rows of it say when a side was opened and fenced; made with the guard, so possibly after the publication. */
const MARKER: TableName = { schema: 'strangler', name: 'marker' };

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
  const marked = await client.query(`SELECT to_regclass('${MARKER_TABLE}') IS NOT NULL AS present`);
  const wanted = tables.map((table) => `${table.schema}.${table.name}`);
  const carried: readonly string[] = rows[0]?.tables ?? [];
  return {
    present: rows.length > 0,
    lacking: wanted.filter((table) => !carried.includes(table)),
    surplus: carried.filter((table) => !wanted.includes(table) && table !== MARKER_TABLE),
    operations: rows[0]?.operations ?? [],
    identity: rows[0]?.identity ?? {},
    marker: !marked.rows[0].present ? 'absent' : carried.includes(MARKER_TABLE) ? 'carried' : 'lacking',
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
  if (gap.present && gap.lacking.length + gap.surplus.length === 0 && gap.marker !== 'lacking') return gap.identity;
  const all = gap.marker === 'absent' ? tables : [...tables, MARKER];
  await change(client, gap.present ? alterPublication(name, all) : createPublication(name, all));
  return (await compare(client, name, tables)).identity;
}

/**
 * Proves that the publication still carries every table of a stream that runs. What was not published while it was
 * written is not in the stream, and PostgreSQL 18 says no word about a publication that is missing; so there is nothing
 * to repair here, only to stop. Tables that left the declaration are taken out, and the table of markers is taken in as
 * soon as it is there; whoever inserts the first marker that counts has seen a probe arrive before.
 *
 * @returns What the publication is from here on. `denied`: the table of markers is not ours to take in.
 * @throws {StreamStop} `publication-changed`.
 */
export async function verifyPublication(
  client: pg.Client,
  name: string,
  tables: readonly TableName[],
  began: PublicationIdentity,
): Promise<{ readonly identity: PublicationIdentity; readonly denied?: StreamStop }> {
  const gap = await compare(client, name, tables);
  if (!gap.present || gap.lacking.length > 0 || gap.operations.length > 0) throw refusal(name, describeGap(gap));
  const entries = ['', ...tables.map((table) => `${table.schema}.${table.name}`), MARKER_TABLE].filter(
    (entry) => entry !== MARKER_TABLE || began[MARKER_TABLE] !== undefined,
  );
  const renewed = entries.filter((entry) => gap.identity[entry] !== began[entry]);
  if (renewed.length > 0) throw refusal(name, `was made anew${renewed[0] === '' ? '' : ` for ${renewed.join(', ')}`}`);
  if (gap.surplus.length === 0 && gap.marker !== 'lacking') return { identity: gap.identity };
  try {
    await change(client, alterPublication(name, gap.marker === 'absent' ? tables : [...tables, MARKER]));
  } catch (error) {
    if (!(error instanceof StreamStop) || gap.surplus.length > 0) throw error;
    return { identity: gap.identity, denied: error };
  }
  return { identity: (await compare(client, name, tables)).identity };
}

/** Removes it if it is ours; one that an administrator has made is his to remove. */
export async function dropPublication(client: pg.Client, name: string): Promise<void> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_catalog.pg_publication WHERE pubname = $1 AND pg_has_role(pubowner, 'USAGE')`,
    [name],
  );
  if (rowCount === 1) await client.query(`DROP PUBLICATION IF EXISTS ${pg.escapeIdentifier(name)}`);
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
