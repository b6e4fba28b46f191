import type { Migration, Query } from 'strangler-migrations/define';
import type { Attempt } from '../attempt.ts';
import type { Finding } from './finding.ts';

const LISTED_MAX = 5;

/**
 * Each foreign key with one end outside the capability has a declared policy: the two ends are written by different
 * sides from the cut-over on, and a delete that one database would refuse is no longer refused by anybody.
 */
export async function checkForeignKeys({
  databases,
  migration,
}: Pick<Attempt, 'databases' | 'migration'>): Promise<Finding> {
  const found = [
    ...(await crossings(databases.monolith, 'monolith', migration)),
    ...(await crossings(databases.service, 'service', migration)),
  ];
  const unsaid = found.filter(({ name }) => migration.foreignKeys?.[name] === undefined);
  if (unsaid.length > 0) {
    const listed = unsaid.slice(0, LISTED_MAX).map(({ side, name, from, to }) => `${name} (${side}: ${from} -> ${to})`);
    const more = unsaid.length > LISTED_MAX ? ` and ${unsaid.length - LISTED_MAX} more` : '';
    return {
      ok: false,
      found: `nothing is said of foreign keys that cross the boundary: ${listed.join(', ')}${more}`,
      mend: `Declare what keeps each true: foreignKeys: { ${unsaid[0]?.name}: undeleted('...') }, or loose('...')`,
    };
  }
  const names = new Set(found.map(({ name }) => name));
  const stale = Object.keys(migration.foreignKeys ?? {}).filter((name) => !names.has(name));
  if (stale.length > 0) {
    const mend = 'Take them out of foreignKeys, or correct their names';
    return { ok: false, found: `no foreign key of this name crosses the boundary: ${stale.join(', ')}`, mend };
  }
  return { ok: true, found: `${found.length} cross the boundary, each with a declared policy`, mend: null };
}

interface Crossing {
  readonly side: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

async function crossings(query: Query, side: string, { capability }: Migration): Promise<readonly Crossing[]> {
  const rows = await query('SELECT name, from_table, to_table FROM strangler.guard_crossings($1)', [capability]);
  return rows.map((row) => ({ side, name: String(row.name), from: String(row.from_table), to: String(row.to_table) }));
}
