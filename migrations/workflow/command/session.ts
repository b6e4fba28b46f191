import pg from 'pg';
import type { Query } from 'strangler-migrations/define';
import { databaseOf } from '../cutover/database-of.ts';
import { SettingsError } from './settings.ts';

/** One session with a database, as its administrator. @throws {SettingsError} if its URL is not known. */
export async function withSession<T>(
  databases: Readonly<Record<string, string>>,
  name: string,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  let url: string;
  try {
    url = databaseOf(databases, name);
  } catch (error) {
    throw new SettingsError((error as Error).message);
  }
  const client = new pg.Client({
    connectionString: url,
    application_name: 'strangler',
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(async (sql, values) => {
      const result = await client.query(sql, values.length > 0 ? [...values] : undefined);
      // Several statements at once give several results; whoever sends them wants none.
      return Array.isArray(result) ? [] : result.rows;
    });
  } finally {
    await client.end().catch(() => {});
  }
}
