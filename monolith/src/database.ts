import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import type { Logger } from 'pino';
import { PrismaClient } from '../generated/client.ts';

/** The shop's database: `query` for SQL written by hand, `prisma` for the rest, one pool below both. */
export interface Database {
  readonly pool: pg.Pool;
  readonly prisma: PrismaClient;
  close(): Promise<void>;
}

/** Opens the pool; connections are made when they are needed, so this does not fail when the database is away. */
export function openDatabase(url: string, log: Logger): Database {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'shop',
    max: 10,
    connectionTimeoutMillis: 3_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 10_000,
  });
  // Without a listener, an idle connection that the server ends would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'a database connection was lost'));
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool),
    transactionOptions: { maxWait: 3_000, timeout: 10_000 },
  });
  return {
    pool,
    prisma,
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

const AWAY_MESSAGES =
  /ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|ETIMEDOUT|Connection terminated|timeout exceeded when trying to connect|Unable to start a transaction|Can't reach database server|terminating connection|DatabaseNotReachable|ConnectionClosed|Connection ended/i;

/** SQLSTATE classes of https://www.postgresql.org/docs/18/errcodes-appendix.html that say the server, not the statement, is at fault. */
const AWAY_CODES = /^(08...|57P0[1-3]|53300)$/;

/** Whether an error says that the database could not be asked at all, so that asking again later may help. */
export function isDatabaseAway(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && (AWAY_CODES.test(code) || /^P(1001|1002|1008|1017|2024|2028)$/.test(code)))
      return true;
    if (AWAY_MESSAGES.test(`${String(code ?? '')} ${cause.message}`)) return true;
    if (cause instanceof AggregateError && cause.errors.some(isDatabaseAway)) return true;
  }
  return false;
}
