import pg from 'pg';
import type { Migration, TableName } from 'strangler-migrations/define';
import { slotName } from './capture/embedded/slot.ts';
import type { MigrationDatabases } from './config.ts';
import { quoteName, withConnection } from './database/connect.ts';
import { mappingsOf } from './direction.ts';

/** A sequence that fills a column, as its database describes it. */
export interface Sequence {
  /** `schema.name`, quoted where it has to be. */
  readonly name: string;
  /** The last number that was handed out; null before the first. */
  readonly last: bigint | null;
  readonly increment: bigint;
  readonly least: bigint;
  readonly most: bigint;
  readonly cache: bigint;
}

/** One end of a mapped column. */
interface End {
  readonly sequence: Sequence | undefined;
  /** The greatest number in the column; null when there is none, or no index to find it by. */
  readonly greatest: bigint | null;
}

/** A column of numbers that a sequence fills on one side or both. */
export interface NumberedColumn {
  /** `public.product.id`, in the database of the side that does not own it. */
  readonly where: string;
  readonly owner: End;
  readonly other: End;
  /** The owner's number as the other side writes it. */
  translate(value: bigint): bigint;
}

/** How far ahead a sequence is moved at least: numbers that the owner hands out between two looks stay below it. */
export const SEQUENCE_MARGIN = 10_000n;

/** One sequence that was moved. */
export interface MovedSequence {
  readonly sequence: string;
  readonly from: string | null;
  readonly to: string;
}

/**
 * Sequences do not travel: a row brings its number, but the sequence of the side that it comes to does not hear of it. So
 * the side that does not own the rows has its sequences kept ahead of the owner's, all the time, and when the ownership
 * moves, the first number that it hands out is one that the other side has never given.
 *
 * What is ahead by half the margin is left alone: most looks write nothing.
 *
 * @param owner The side that owns the rows.
 */
export async function keepSequencesAhead(
  databases: MigrationDatabases,
  owner: 'monolith' | 'service',
): Promise<readonly MovedSequence[]> {
  const applicationName = `${slotName(databases.migration.capability)}_sequences`;
  return withConnection(databases.sourceUrl, applicationName, (monolith) =>
    withConnection(databases.targetUrl, applicationName, async (service) => {
      const other = owner === 'monolith' ? service : monolith;
      const moved: MovedSequence[] = [];
      for (const column of await readNumberedColumns(databases.migration, { monolith, service }, owner)) {
        const step = nextMove(column);
        if (!step) continue;
        // Only ever forward: what somebody else has moved further stays where it is.
        const { rowCount } = await other.query(
          `SELECT pg_catalog.setval($1::regclass, $2) FROM ${step.sequence} WHERE last_value < $2`,
          [step.sequence, step.to],
        );
        if (rowCount === 1) moved.push(step);
      }
      return moved;
    }),
  );
}

/** Where the other side's sequence has to go; undefined while it is far enough ahead. */
export function nextMove({ owner, other, translate }: NumberedColumn): MovedSequence | undefined {
  const { sequence } = other;
  if (!sequence || sequence.increment <= 0n) return undefined;
  const known = [owner.sequence?.last ?? null, owner.greatest].flatMap((value) =>
    value === null ? [] : [translate(value)],
  );
  const reached = [...known, other.greatest ?? sequence.least - 1n].reduce((a, b) => (a > b ? a : b));
  const last = sequence.last ?? sequence.least - 1n;
  if (last >= reached + SEQUENCE_MARGIN / 2n) return undefined;
  const ahead = reached + SEQUENCE_MARGIN - sequence.least;
  // Sequences that count in steps keep to their own numbers.
  const aligned = sequence.least + ((ahead + sequence.increment - 1n) / sequence.increment) * sequence.increment;
  const to = aligned < sequence.most ? aligned : sequence.most;
  if (to <= last) return undefined;
  return { sequence: sequence.name, from: sequence.last?.toString() ?? null, to: to.toString() };
}

/** The columns of the capability's own tables that sequences fill, with both their ends. */
export async function readNumberedColumns(
  migration: Migration,
  clients: { readonly monolith: pg.Client; readonly service: pg.Client },
  owner: 'monolith' | 'service',
): Promise<readonly NumberedColumn[]> {
  const [from, into] = owner === 'monolith' ? [clients.monolith, clients.service] : [clients.service, clients.monolith];
  const owned = new Set(migration.tables);
  const mappings = owner === 'monolith' ? [...owned] : mappingsOf(migration, 'reverse');
  const columns: NumberedColumn[] = [];
  for (const { source, target, key, columns: others } of mappings) {
    for (const { codec, target: column } of [...key, ...others]) {
      const ends = [
        { client: from, table: source, column: codec.source },
        { client: into, table: target, column },
      ] as const;
      const [there, here] = [await readSequence(ends[0]), await readSequence(ends[1])];
      if (!there && !here) continue;
      columns.push({
        where: `${target.schema}.${target.name}.${column}`,
        owner: { sequence: there, greatest: await readGreatest(ends[0]) },
        other: { sequence: here, greatest: await readGreatest(ends[1]) },
        translate: (value) => BigInt(codec.forward(value.toString())),
      });
    }
  }
  return columns;
}

/** A column of a table, in the database of a session. */
export interface Place {
  readonly client: pg.Client;
  readonly table: TableName;
  readonly column: string;
}

/** The sequence that fills a column; undefined when there is none. */
export async function readSequence({ client, table, column }: Place): Promise<Sequence | undefined> {
  const { rows } = await client.query<SequenceRow>(SEQUENCE_SQL, [quoteName(table), column]);
  const row = rows[0];
  if (!row) return undefined;
  // Not pg_sequence_last_value(): to that a sequence which setval has left uncalled has no value.
  const { rows: state } = await client.query(
    `SELECT CASE WHEN is_called THEN last_value::text END AS last FROM ${row.name}`,
  );
  return {
    name: row.name,
    last: state[0].last === null ? null : BigInt(state[0].last),
    increment: BigInt(row.increment),
    least: BigInt(row.least),
    most: BigInt(row.most),
    cache: BigInt(row.cache),
  };
}

/** Looked for only where an index finds it at once. */
async function readGreatest({ client, table, column }: Place): Promise<bigint | null> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = $1::regclass AND a.attname = $2 AND i.indisvalid AND i.indpred IS NULL`,
    [quoteName(table), column],
  );
  if (rowCount === 0) return null;
  const { rows } = await client.query(
    `SELECT max(${pg.escapeIdentifier(column)})::text AS greatest FROM ${quoteName(table)}`,
  );
  return rows[0].greatest === null ? null : BigInt(rows[0].greatest);
}

interface SequenceRow {
  readonly name: string;
  readonly increment: string;
  readonly least: string;
  readonly most: string;
  readonly cache: string;
}

/** By ownership (serial), identity, or a default that names it. */
const SEQUENCE_SQL = `
  WITH col AS (
    SELECT attrelid, attnum FROM pg_catalog.pg_attribute
    WHERE attrelid = $1::regclass AND attname = $2 AND NOT attisdropped
  ), found AS (
    SELECT d.objid AS oid FROM col JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
     AND d.refobjid = col.attrelid AND d.refobjsubid = col.attnum AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid FROM col JOIN pg_catalog.pg_attrdef f ON f.adrelid = col.attrelid AND f.adnum = col.attnum
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
       AND d.refclassid = 'pg_catalog.pg_class'::regclass
  )
  SELECT format('%I.%I', n.nspname, c.relname) AS name, q.seqincrement::text AS increment,
    q.seqstart::text AS least, q.seqmax::text AS most, q.seqcache::text AS cache
  FROM found JOIN pg_catalog.pg_class c ON c.oid = found.oid AND c.relkind = 'S'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
  LIMIT 1`;
