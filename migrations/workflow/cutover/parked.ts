import type { Query } from 'strangler-migrations/define';

/** Events that change data capture has set aside in the database that it writes. */
export async function countParked(database: Query, capability: string, direction: string): Promise<number> {
  const [ledger] = await database(`SELECT to_regclass('strangler.dead_letter') IS NOT NULL AS there`, []);
  if (!ledger?.there) return 0;
  const [row] = await database(
    'SELECT count(*)::float8 AS parked FROM strangler.dead_letter WHERE capability = $1 AND direction = $2',
    [capability, direction],
  );
  return Number(row?.parked);
}
