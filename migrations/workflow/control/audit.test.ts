import { createDatabase, type TestDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appendAudit, proveAudit, readAudit } from './audit.ts';
import { migrateSchema } from './schema.ts';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createDatabase('audit');
  pool = new pg.Pool({ connectionString: database.url });
  pool.on('error', () => {});
  const client = await pool.connect();
  await migrateSchema(client);
  await migrateSchema(client);
  client.release();
  const events = ['asked', 'refused', 'asked', 'done'];
  await Promise.all(
    events.map((event) =>
      appendAudit(pool, {
        capability: 'catalog',
        event,
        who: 'ada',
        why: 'to see',
        request: null,
        figures: { n: 1.5 },
      }),
    ),
  );
});

afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

test('events that are appended at once are in one order, and the log is proved to be as it was written', async () => {
  const entries = await readAudit(pool, { capability: 'catalog', limit: 3 });
  expect(entries.map(({ seq }) => seq)).toEqual([2, 3, 4]);
  expect(await proveAudit(pool)).toMatchObject({ entries: 4, intact: true, broken_at: null, head: entries[2]?.hash });
});

test('the database refuses to change the log, and whoever does it all the same is found', async () => {
  await expect(pool.query(`UPDATE control.audit SET who = 'nobody'`)).rejects.toThrow(/only ever appended to/);
  await expect(pool.query('DELETE FROM control.audit')).rejects.toThrow(/only ever appended to/);
  const tampered = async (statement: string) => {
    const client = await pool.connect();
    await client.query(`SET session_replication_role = replica; ${statement}; RESET session_replication_role`);
    client.release();
    return proveAudit(pool);
  };
  expect(await tampered(`UPDATE control.audit SET why = 'another' WHERE seq = 2`)).toMatchObject({
    intact: false,
    broken_at: 2,
  });
  await tampered(`UPDATE control.audit SET why = 'to see' WHERE seq = 2`);
  expect((await proveAudit(pool)).intact).toBe(true);
  expect(await tampered('DELETE FROM control.audit WHERE seq = 4')).toMatchObject({ intact: false, broken_at: 4 });
});
