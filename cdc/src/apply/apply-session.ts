import type pg from 'pg';
import { StreamStop, sqlState } from '../errors.ts';

/** The functions that a role needs for {@link beginApplying}, beside `GRANT SET ON PARAMETER session_replication_role`. */
export const ORIGIN_FUNCTIONS = [
  'pg_catalog.pg_replication_origin_oid(text)',
  'pg_catalog.pg_replication_origin_create(text)',
  'pg_catalog.pg_replication_origin_session_setup(text)',
] as const;

/** What lets a role write as the sync does, to be run by a superuser in the database that it writes to. */
export function applyGrantsSql(role: string): string {
  return [
    `GRANT SET ON PARAMETER session_replication_role TO ${role}`,
    `GRANT EXECUTE ON FUNCTION ${ORIGIN_FUNCTIONS.join(', ')} TO ${role}`,
  ].join(';\n');
}

/**
 * Makes a session one that applies what was written elsewhere: it bears an origin, by which the other direction knows its
 * writes, and fires no triggers of the application, which have done their work at the source. Foreign keys are triggers
 * too, so it is the source's order, not the target, that keeps them; verification looks at them.
 *
 * The session has to be its own for good: `DISCARD ALL` does not take the origin off, and one session alone can have it.
 *
 * @throws {StreamStop} `denied`, with what a superuser has to run.
 */
export async function beginApplying(client: pg.Client, origin: string): Promise<void> {
  try {
    await client.query('SET session_replication_role = replica');
    await createOrigin(client, origin);
    await client.query('SELECT pg_catalog.pg_replication_origin_session_setup($1)', [origin]);
  } catch (error) {
    if (sqlState(error) !== '42501') throw error;
    const { rows } = await client.query('SELECT quote_ident(current_user) AS role');
    throw new StreamStop(
      'denied',
      `the role that writes to the target may not mark its writes as the sync's: ${(error as Error).message}`,
      `As a superuser of the target, in its database, run: ${applyGrantsSql(rows[0].role)};`,
      error,
    );
  }
}

async function createOrigin(client: pg.Client, origin: string): Promise<void> {
  const known = await client.query('SELECT pg_catalog.pg_replication_origin_oid($1) IS NOT NULL AS present', [origin]);
  if (known.rows[0].present) return;
  try {
    await client.query('SELECT pg_catalog.pg_replication_origin_create($1)', [origin]);
  } catch (error) {
    // Another process made it in between.
    if (sqlState(error) !== '23505') throw error;
  }
}

/** The origin of commands that write beside the stream, which has its own to itself: reconcile, replayed dead letters. */
export function repairOrigin(streamOrigin: string): string {
  return `${streamOrigin}/repair`;
}

/** Whether a transaction that bears the origin `found` was written by the sync whose stream bears `streamOrigin`. */
export function isOfSync(streamOrigin: string, found: string): boolean {
  return found === streamOrigin || found.startsWith(`${streamOrigin}/`);
}
