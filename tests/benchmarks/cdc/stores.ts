import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { until } from '../../support/until.ts';

/** A row of about 200 bytes in seven columns, as a shop's table would have them. */
const SOURCE_SQL = `
  CREATE TABLE prod (prod_id bigint PRIMARY KEY, prod_sku text NOT NULL, prod_nm text NOT NULL, prod_dsc text,
    prod_prc numeric(12,2) NOT NULL, stk integer NOT NULL, chg_dt timestamp NOT NULL);
  CREATE TABLE mark (id bigint PRIMARY KEY);
  CREATE PUBLICATION bench_native FOR TABLE prod, mark`;

/** What our mapping makes of it. */
const MAPPED_SQL = `
  CREATE TABLE product (id bigint PRIMARY KEY, sku text NOT NULL, name text NOT NULL, description text,
    price_cents bigint NOT NULL, stock integer NOT NULL, changed_at timestamptz NOT NULL);
  CREATE TABLE mark (id bigint PRIMARY KEY)`;

/** What PostgreSQL's own replication needs: the same table as in the source. */
const SAME_SQL = SOURCE_SQL.slice(0, SOURCE_SQL.lastIndexOf(';'));

/** So many rows from `first` on. */
export const ROWS_SQL = `SELECT n, 'SKU-' || lpad(n::text, 10, '0'), 'Product number ' || n,
    'One of the many things that this shop sells, described in a sentence or two: number ' || md5(n::text),
    (n % 100000) / 100.0, (n * 7 % 1000)::integer, timestamp '2026-01-01' + n * interval '1 second'
  FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) AS n`;

/** Two servers: one with the source, the other with a target for each of those that are compared. */
export interface Stores {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  readonly sourceUrl: string;
  /** The target of PostgreSQL's own replication. */
  readonly nativeUrl: string;
  /** An empty database as ours needs it; the one of that name before is dropped. */
  freshTarget(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** The source's commits carry the time at which they were made: lag is counted from there. */
const SETTINGS = { track_commit_timestamp: 'on', shared_buffers: '256MB', max_wal_size: '4GB' };

export async function startStores(folder: string, port: number): Promise<Stores> {
  const source = await startPostgres(folder, port, SETTINGS);
  try {
    const target = await startPostgres(folder, port + 1, SETTINGS);
    const create = async (server: PostgresServer, name: string, sql: string) => {
      await run(server.url(), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await run(server.url(), `CREATE DATABASE ${name}`);
      await run(server.url(name), sql);
      return server.url(name);
    };
    return {
      ...{ source, target },
      sourceUrl: await create(source, 'shop', SOURCE_SQL),
      nativeUrl: await create(target, 'native', SAME_SQL),
      freshTarget: (name) => create(target, name, MAPPED_SQL),
      async stop() {
        await target.stop();
        await source.stop();
      },
    };
  } catch (error) {
    await source.stop();
    throw error;
  }
}

/** Runs `work` with a session, and ends it. */
export async function withSession<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'bench' });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

export function run(url: string, sql: string, values?: readonly unknown[]): Promise<pg.QueryResult> {
  return withSession(url, (client) => (values ? client.query(sql, [...values]) : client.query(sql)));
}

/** How long any one step may take before the benchmark gives up, in milliseconds. */
const STEP_WITHIN_MS = 600_000;

/** Asks one session again and again until its answer has a row. Gives that row. */
export function untilFound(url: string, sql: string, values: readonly unknown[]): Promise<Record<string, unknown>> {
  return withSession(url, (client) =>
    until(
      async () => (await client.query(sql, [...values])).rows[0],
      (row) => row !== undefined,
      { withinMs: STEP_WITHIN_MS, everyMs: 4 },
    ),
  );
}
