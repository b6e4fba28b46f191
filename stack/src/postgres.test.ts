import pg from 'pg';
import { expect, test } from 'vitest';
import { createDatabase } from './testing.ts';

test('the server that npm carries speaks logical replication', async () => {
  const database = await createDatabase('stack');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('SHOW wal_level');
  await client.end();
  await database.drop();
  expect(rows).toEqual([{ wal_level: 'logical' }]);
});
