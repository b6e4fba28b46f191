import pg from 'pg';

/**
 * Settings of every session of ours, so that a value has one text form wherever it is read (the form that codecs are
 * written for), no time-out of a role cuts a long load, and a row that row security would hide is an error.
 */
const SESSION_SETTINGS = {
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  xmloption: 'content',
  lc_monetary: 'C',
  row_security: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  // Only what the target has flushed may be acknowledged to the source.
  synchronous_commit: 'on',
  // A peer that vanished without a word has to be noticed: it may hold the stream's lock.
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
} as const;

export interface ConnectOptions {
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Speak the replication protocol, to the database of the URL. */
  readonly replication?: boolean;
}

/**
 * Opens one session with our settings. Never by way of a pooler that shares sessions: locks, snapshots and settings
 * belong to the session.
 *
 * @throws Error of the driver when the server cannot be reached or refuses.
 */
export async function connect(url: string, options: ConnectOptions): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: options.applicationName,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(options.replication ? { replication: 'database' } : {}),
  });
  // A lost connection also rejects the query in flight, or the next one: that is where it is handled.
  client.on('error', () => {});
  await client.connect();
  const wanted = Object.entries(SESSION_SETTINGS)
    .map(([name, value]) => `('${name.toLowerCase()}', '${value}')`)
    .join(', ');
  // Only the settings that this server's version has. No parameters: a replication session takes none.
  await client.query(
    `SELECT set_config(s.name, w.value, false) FROM (VALUES ${wanted}) AS w(name, value)
     JOIN pg_catalog.pg_settings AS s ON lower(s.name) = w.name WHERE s.setting <> w.value`,
  );
  return client;
}

/** Ends a session whatever state it is in, without waiting long for a peer that does not answer. */
export async function disconnect(client: pg.Client | undefined): Promise<void> {
  if (!client) return;
  const timer = setTimeout(() => client.connection.stream.destroy(), 1_000);
  await client.end().catch(() => {});
  clearTimeout(timer);
}

/** Runs `work` with a session that is ended afterwards. */
export async function withConnection<T>(
  url: string,
  applicationName: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(url, { applicationName });
  try {
    return await work(client);
  } finally {
    await disconnect(client);
  }
}

/** `"schema"."name"`. */
export function quoteName(table: { readonly schema: string; readonly name: string }): string {
  return `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(table.name)}`;
}
