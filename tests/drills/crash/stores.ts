import type { Kafka } from '@strangler/stack/kafka';
import pg from 'pg';
import type { PostgresServer } from '../../support/postgres-server.ts';
import { until } from '../../support/until.ts';

/** How many accounts there are at most: few, so that writers meet. Keys that rows move to lie behind them. */
export const ACCOUNTS = 120;
export const WRITERS = 8;

const ROWS_BEFORE = 6_000;

/**
 * Each write of the source takes a new number of the sequence `version`, and takes it while it holds the row: so a
 * version that a key has had never comes again, and the ones that it shows only rise.
 */
const SOURCE = `
  CREATE SEQUENCE version;
  CREATE TABLE account (id bigint PRIMARY KEY, version bigint NOT NULL, price numeric(12,2), name text, body text, extra text);
  CREATE TABLE tally (writer integer PRIMARY KEY, entries bigint NOT NULL);
  CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer integer NOT NULL REFERENCES tally,
    version bigint NOT NULL DEFAULT nextval('version'));
  INSERT INTO account SELECT n, nextval('version'), n / 7.0, 'name ' || n,
    CASE WHEN n % 2 = 0 THEN (SELECT string_agg(md5((n * m)::text), '') FROM generate_series(1, 200) m) END, E'\\\\ "' || n
    FROM generate_series(1, ${ACCOUNTS / 2}) n;
  INSERT INTO tally SELECT n, 0 FROM generate_series(1, ${WRITERS}) n;
  INSERT INTO entry (writer) SELECT 1 FROM generate_series(1, ${ROWS_BEFORE});
  UPDATE tally SET entries = ${ROWS_BEFORE} WHERE writer = 1`;

/** The target counts each write by its version, whoever makes it: an event that is applied twice shows. */
const TARGET = `
  CREATE TABLE account (id bigint PRIMARY KEY, version bigint NOT NULL, price_cents bigint, name text, body text, extra jsonb);
  CREATE TABLE tally (writer integer PRIMARY KEY, entries bigint NOT NULL);
  CREATE TABLE entry (id bigint PRIMARY KEY, writer integer NOT NULL REFERENCES tally, version bigint NOT NULL);
  CREATE INDEX ON entry (writer);
  CREATE TABLE written (version bigint NOT NULL);
  CREATE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.written VALUES (NEW.version); RETURN NULL; END';
  CREATE TRIGGER counted AFTER INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION count_write();
  CREATE TRIGGER counted AFTER INSERT OR UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION count_write()`;

/** The two databases of one run. */
export interface DrillStores {
  readonly name: string;
  readonly slot: string;
  /** Connections that no fault of the network touches. */
  readonly sourceUrl: string;
  readonly targetUrl: string;
  drop(): Promise<void>;
}

export interface DrillServers {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  /** Where the drill is of Debezium. */
  readonly kafka?: Kafka;
}

/** A session whose loss shows where it is used next. */
export async function openSession(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'drill', connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Runs `work` with a session, and ends it. */
export async function withSession<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await openSession(url);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

export async function createStores(servers: DrillServers, name: string): Promise<DrillStores> {
  for (const [server, schema] of [
    [servers.source, SOURCE],
    [servers.target, TARGET],
  ] as const) {
    await withSession(server.url(), (client) => client.query(`CREATE DATABASE ${name}`));
    await withSession(server.url(name), (client) => client.query(schema));
  }
  const slot = `strangler_${name}`;
  return {
    name,
    slot,
    sourceUrl: servers.source.url(name),
    targetUrl: servers.target.url(name),
    async drop() {
      await withSession(servers.source.url(name), async (client) => {
        await client.query(
          'SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = $1 AND active',
          [slot],
        );
        await client.query(
          'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
          [slot],
        );
      });
      for (const server of [servers.source, servers.target]) {
        await withSession(server.url(), (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
      }
    },
  };
}

/** Waits until the target holds everything that the source has committed by now. @throws Error at the deadline. */
export async function untilEven({ sourceUrl, targetUrl, name }: DrillStores, withinMs: number): Promise<void> {
  const { rows } = await withSession(sourceUrl, (client) =>
    client.query('SELECT pg_current_wal_insert_lsn()::text AS lsn'),
  );
  await withSession(targetUrl, (client) =>
    until(
      async () => {
        const ledger = await client.query("SELECT FROM pg_class WHERE oid = to_regclass('strangler.stream')");
        if (ledger.rowCount === 0) return 'no ledger';
        const stream = 'SELECT lsn::text AS lsn, lsn >= $2::pg_lsn AS even FROM strangler.stream WHERE capability = $1';
        const found = (await client.query(stream, [name, rows[0].lsn])).rows[0];
        return found?.even ? 'even' : `${found?.lsn} of ${rows[0].lsn}`;
      },
      (answer) => answer === 'even',
      { withinMs, everyMs: 20 },
    ),
  );
}

/** What the source holds as the target has to hold it, said in plain SQL: row for row, nothing shared with the mapping. */
const EXPECTED = {
  account: `SELECT id::text AS key, jsonb_build_array(version, (price * 100)::bigint, name, body,
              CASE WHEN extra IS NOT NULL THEN jsonb_build_object('text', extra) END)::text AS row FROM account`,
  tally: 'SELECT writer::text AS key, entries::text AS row FROM tally',
  entry: 'SELECT id::text AS key, jsonb_build_array(writer, version)::text AS row FROM entry',
} as const;
const FOUND = {
  ...EXPECTED,
  account: `SELECT id::text AS key, jsonb_build_array(version, price_cents, name, body, extra)::text AS row FROM account`,
} as const;

/** How the stores differ in the end. */
export interface Difference {
  /** Rows that are missing in the target, differ there, or are there and should not be. */
  readonly lost: number;
  /** Events of which the target has seen more than one write. */
  readonly doubled: number;
  /** A few of each, for a person. */
  readonly examples: readonly string[];
}

export async function compareStores({ sourceUrl, targetUrl }: DrillStores): Promise<Difference> {
  let lost = 0;
  const examples: string[] = [];
  for (const table of ['account', 'tally', 'entry'] as const) {
    const read = async (url: string, sql: string) => {
      const { rows } = await withSession(url, (client) => client.query<{ key: string; row: string }>(sql));
      return new Map(rows.map(({ key, row }) => [key, row]));
    };
    const expected = await read(sourceUrl, EXPECTED[table]);
    const found = await read(targetUrl, FOUND[table]);
    for (const key of new Set([...expected.keys(), ...found.keys()])) {
      const [wanted, got] = [expected.get(key), found.get(key)];
      if (wanted === got) continue;
      lost++;
      const what = got === undefined ? 'missing' : wanted === undefined ? 'extra' : 'different';
      if (examples.length < 5) examples.push(`${table} ${key} is ${what}`);
    }
  }
  const { rows } = await withSession(targetUrl, (client) =>
    client.query('SELECT version FROM written GROUP BY version HAVING count(*) > 1'),
  );
  for (const { version } of rows.slice(0, 5)) examples.push(`version ${version} was written more than once`);
  return { lost, doubled: rows.length, examples };
}
