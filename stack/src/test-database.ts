import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

/** A database of one test file. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** Ends every connection to it, replication included, and removes it with its slots. */
  drop(): Promise<void>;
}

/** Creates an empty database (or a copy of `template`) in the test run's PostgreSQL server. */
export async function createDatabase(label: string, template = 'template0'): Promise<TestDatabase> {
  const name = `${label}_${randomBytes(4).toString('hex')}`;
  await asSuperuser((client) => client.query(`CREATE DATABASE "${name}" TEMPLATE "${template}" STRATEGY file_copy`));
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return { name, url: url.href, drop: () => asSuperuser((client) => dropDatabase(client, name)) };
}

async function dropDatabase(client: pg.Client, name: string): Promise<void> {
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  const slots = await client.query('SELECT slot_name FROM pg_replication_slots WHERE database = $1', [name]);
  for (const { slot_name } of slots.rows) {
    await client.query('SELECT pg_drop_replication_slot($1)', [slot_name]);
  }
  await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
}

async function asSuperuser<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
