import { createDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import type { Query } from './query.ts';

/** A database of the test file, with the settings that change streams have; made before its tests, dropped after them. */
export function useDatabase(label: string): { readonly query: Query } {
  let client: pg.Client;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const database = await createDatabase(label);
    drop = database.drop;
    client = new pg.Client({ connectionString: database.url, options: '-c TimeZone=UTC' });
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await drop?.();
  });
  return { query: async (sql, values) => (await client.query(sql, [...values])).rows };
}
