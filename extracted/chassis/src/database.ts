import pg from 'pg';
import type { Logger } from './log.ts';

/** Every wait for the database has a bound, in milliseconds. */
const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const POOL_SIZE = 10;

/**
 * A pool of connections that outlives its server: a connection lost while idle is logged and replaced, where pg would
 * end the process with an unhandled 'error' event.
 */
export function createPool(url: string, service: string, log: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: service,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    // The server cannot keep its own time-out when it is the network that is gone.
    query_timeout: STATEMENT_TIMEOUT_MS + 1_000,
    keepAlive: true,
  });
  pool.on('error', (error) => log.warn({ reason: error.message }, 'lost an idle database connection'));
  // A connection in use reports its loss to the query as well: that is who answers for it.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** Prisma's codes (https://www.prisma.io/docs/orm/reference/error-reference) for a server that cannot be talked to. */
const PRISMA_CODES = new Set([
  'P1000',
  'P1001',
  'P1002',
  'P1003',
  'P1008',
  'P1010',
  'P1011',
  'P1017',
  'P2024',
  'P2037',
]);
/** What Prisma's driver adapters call the same, also where a raw query has hidden the code. */
const ADAPTER_KINDS = new Set([
  'AuthenticationFailed',
  'ConnectionClosed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
  'DatabaseNotReachable',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
]);
/** What the operating system says, by Node's names. */
const SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** PostgreSQL's classes 08 and 57P, too many connections, no such database (PostgreSQL documentation, appendix A). */
const SQLSTATE = /^(08...|57P0.|57014|53300|3D000|28...)$/;
/** pg itself has no codes for what its pool and connections report. */
const PG_MESSAGE =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|not queryable|pool after calling end/;

const DEPTH_MAX = 8;

/** Whether an error, or what caused it, means that the database cannot be reached or cannot answer now. */
export function isDatabaseUnavailable(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > DEPTH_MAX) return false;
  const { code, originalCode, kind, message, cause, meta, errors, driverAdapterError } = error as Record<
    string,
    unknown
  >;
  const codes = [code, originalCode].filter((value) => typeof value === 'string');
  if (codes.some((value) => PRISMA_CODES.has(value) || SYSTEM_CODES.has(value) || SQLSTATE.test(value))) return true;
  if (typeof kind === 'string' && ADAPTER_KINDS.has(kind)) return true;
  if (typeof message === 'string' && PG_MESSAGE.test(message)) return true;
  const inner = [cause, meta, driverAdapterError, ...(Array.isArray(errors) ? errors : [])];
  return inner.some((value) => isDatabaseUnavailable(value, depth + 1));
}
