import pg from 'pg';
import type { Query } from 'strangler-migrations/define';
import { type GuardStatus, readGuard, type Side } from '../guard/index.ts';

/** The two databases of one capability. Each query is a statement of its own, on a direct connection. */
export type Databases = Readonly<Record<Side, Query>>;

/** The guard rows of one capability in both databases: the truth about its owner, and all of it. */
export type Rows = Readonly<Record<Side, GuardStatus | undefined>>;

/** A pool, and its queries. */
export interface OpenDatabase {
  readonly query: Query;
  close(): Promise<void>;
}

/** The text form that codecs are written for (see `Codec`). */
const TEXT_FORM =
  '-c datestyle=ISO -c timezone=UTC -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1';

/** No call of ours is to take longer; most take a millisecond. */
const STATEMENT_MS_MAX = 20_000;

/** Connects when it is first asked. */
export function openDatabase(url: string, name: string): OpenDatabase {
  const pool = new pg.Pool({
    ...{ connectionString: url, application_name: `strangler control: ${name}`, max: 6, keepAlive: true },
    ...{ connectionTimeoutMillis: 3_000, idleTimeoutMillis: 60_000, statement_timeout: STATEMENT_MS_MAX },
    options: TEXT_FORM,
  });
  // A connection that breaks while nobody uses it is simply not used again.
  pool.on('error', () => {});
  return {
    query: async (text, values) => (await pool.query(text, values as unknown[])).rows,
    close: () => pool.end(),
  };
}

export function otherSide(side: Side): Side {
  return side === 'monolith' ? 'service' : 'monolith';
}

/** Reads both rows. @throws what PostgreSQL throws if either cannot be read: then nothing is known. */
export async function readRows(databases: Databases, capability: string): Promise<Rows> {
  const [monolith, service] = await Promise.all([
    readGuard(databases.monolith, capability),
    readGuard(databases.service, capability),
  ]);
  return { monolith, service };
}

/** The SQLSTATE, if it was PostgreSQL that said no. Without one nobody knows whether a call was done. */
export function sqlState(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  // Class 08 and 57P0x: the connection or the server went away, perhaps after it had committed.
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^(?:08|57P)/.test(code) ? code : undefined;
}

/** The lock was not to be had in 150 ms: writers would queue behind a longer wait. */
export const LOCK_NOT_AVAILABLE = '55P03';
