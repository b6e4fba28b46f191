import type { Query } from 'strangler-migrations/define';
import { countParked } from '../cutover/parked.ts';

/** How one stream is, as the database that it writes knows it. */
export interface SideFigures {
  readonly position: string;
  /** Since the newest change that it has applied was committed; null before the first. */
  readonly applied_seconds_ago: number | null;
  readonly parked_events: number;
}

/** Reads what change data capture has written down; null if it has not begun, or cannot be asked. */
export async function readSide(
  database: Query,
  capability: string,
  direction: 'forward' | 'reverse',
): Promise<SideFigures | null> {
  try {
    const [ledger] = await database(`SELECT to_regclass('strangler.stream') IS NOT NULL AS there`, []);
    if (!ledger?.there) return null;
    const [row] = await database(
      `SELECT lsn::text AS position, extract(epoch FROM now() - committed_at)::float8 AS ago
       FROM strangler.stream WHERE capability = $1 AND direction = $2`,
      [capability, direction],
    );
    if (row === undefined) return null;
    return {
      position: String(row.position),
      applied_seconds_ago: row.ago === null ? null : Math.round(Number(row.ago)),
      parked_events: await countParked(database, capability, direction),
    };
  } catch {
    return null;
  }
}
