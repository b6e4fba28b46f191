import type { Query, TableMapping, TableName } from 'strangler-migrations/define';
import type { Attempt } from './attempt.ts';

/** How many ids the old owner may give between one look and the next without meeting those of the new one. */
const MARGIN = 1_000;

/** Where ids come from, on one side. */
interface Sequence {
  readonly sequence: string;
  readonly relation: string;
  readonly column_name: string;
}

/** A sequence of the new owner, and from where on it has to give. */
export interface Lead {
  readonly sequence: string;
  /** The highest id of the old owner: given, or in a row. */
  readonly given: number;
  readonly last: number;
}

/**
 * Puts the new owner's sequences ahead of every id that the old one has given, with a margin. Ids that were given and
 * never used leave gaps, as a rollback of a transaction does.
 */
export async function putSequencesAhead(
  attempt: Pick<Attempt, 'databases' | 'migration' | 'from' | 'to'>,
): Promise<void> {
  for (const { sequence, given, last } of await leads(attempt)) {
    if (last > given) continue;
    await attempt.databases[attempt.to]('SELECT setval($1::regclass, $2)', [sequence, given + MARGIN]);
  }
}

/** Every sequence of the new owner that fills a column of a key. */
export async function leads({
  databases,
  migration,
  from,
  to,
}: Pick<Attempt, 'databases' | 'migration' | 'from' | 'to'>): Promise<readonly Lead[]> {
  const { capability } = migration;
  const [here, there] = await Promise.all([
    sequencesOf(databases[from], capability),
    sequencesOf(databases[to], capability),
  ]);
  const found: Lead[] = [];
  for (const mapping of migration.tables) {
    for (const { target, codec } of mapping.key) {
      const columns = { monolith: codec.source, service: target };
      const own = there.find((each) => isOf(each, tableOf(mapping, to), columns[to]));
      if (own === undefined) continue;
      const theirs = here.find((each) => isOf(each, tableOf(mapping, from), columns[from]));
      const given = Math.max(
        await highest(databases[from], tableOf(mapping, from), columns[from]),
        theirs === undefined ? 0 : await lastOf(databases[from], theirs.sequence),
      );
      found.push({ sequence: own.sequence, given, last: await lastOf(databases[to], own.sequence) });
    }
  }
  return found;
}

function tableOf({ source, target }: TableMapping, side: Attempt['from']): TableName {
  return side === 'monolith' ? source : target;
}

function isOf({ relation, column_name }: Sequence, { schema, name }: TableName, column: string): boolean {
  return relation === `${schema}.${name}` && column_name === column;
}

async function sequencesOf(database: Query, capability: string): Promise<readonly Sequence[]> {
  const rows = await database(
    `SELECT format('%I.%I', sn.nspname, sc.relname) AS sequence, format('%s.%s', rn.nspname, rc.relname) AS relation, s.column_name
     FROM strangler.guard_sequences($1) s
     JOIN pg_class sc ON sc.oid = s.sequence JOIN pg_namespace sn ON sn.oid = sc.relnamespace
     JOIN pg_class rc ON rc.oid = s.relation JOIN pg_namespace rn ON rn.oid = rc.relnamespace`,
    [capability],
  );
  return rows as unknown as readonly Sequence[];
}

async function lastOf(database: Query, sequence: string): Promise<number> {
  const [row] = await database(
    `SELECT CASE WHEN is_called THEN last_value ELSE 0 END::float8 AS last FROM ${sequence}`,
    [],
  );
  return Number(row?.last ?? 0);
}

async function highest(database: Query, { schema, name }: TableName, column: string): Promise<number> {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const [row] = await database(
    `SELECT coalesce(max(${quoted(column)}), 0)::float8 AS highest FROM ${quoted(schema)}.${quoted(name)}`,
    [],
  );
  return Number(row?.highest ?? 0);
}
