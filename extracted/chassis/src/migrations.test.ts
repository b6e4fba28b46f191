import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createDatabase, type TestDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyMigrations } from './migrations.ts';

const FIRST = `
  -- Semicolons; in comments, and in bodies, are no ends of statements.
  CREATE TABLE visit (id integer PRIMARY KEY);
  CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN n := n * 2; RETURN n; END $$;`;

let database: TestDatabase;
let sql: pg.Client;
let folder: string;

const write = async (name: string, script: string) => {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), script);
};
const apply = () => applyMigrations(database.url, pathToFileURL(`${folder}/`));
const books = async () =>
  (await sql.query('SELECT * FROM _prisma_migrations ORDER BY migration_name')).rows as Record<string, unknown>[];

beforeEach(async () => {
  database = await createDatabase('chassis');
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  folder = await mkdtemp(join(tmpdir(), 'chassis-migrations-'));
  await writeFile(join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
  await write('20260101000000_first', FIRST);
});

afterEach(async () => {
  await sql.end();
  await database.drop();
  await rm(folder, { recursive: true });
});

describe('applyMigrations', () => {
  test('applies what is new, in order, and nothing twice', async () => {
    expect(await apply()).toEqual(['20260101000000_first']);
    await write('20260102000000_second', 'INSERT INTO visit VALUES (twice(21));');
    expect(await apply()).toEqual(['20260102000000_second']);
    expect(await apply()).toEqual([]);
    expect((await sql.query('SELECT id FROM visit')).rows).toEqual([{ id: 42 }]);
  });

  test('keeps the books as Prisma does: the checksum is the SHA-256 of the file', async () => {
    await write('20260101000000_first', 'SELECT 1;\n');
    await apply();
    expect(await books()).toEqual([
      expect.objectContaining({
        migration_name: '20260101000000_first',
        checksum: 'b4e0497804e46e0a0b0b8c31975b062152d551bac49c3c2e80932567b4085dcd',
        applied_steps_count: 1,
        finished_at: expect.any(Date),
        rolled_back_at: null,
        logs: null,
      }),
    ]);
  });

  test('lets the second of two at once wait, and find nothing to do', async () => {
    const both = await Promise.all([apply(), apply(), apply()]);
    expect(both.flat()).toEqual(['20260101000000_first']);
  });

  test('undoes a migration that fails as a whole, and keeps those before it', async () => {
    await write('20260102000000_second', 'INSERT INTO visit VALUES (1); INSERT INTO visit VALUES (1);');
    await expect(apply()).rejects.toThrow(/20260102000000_second failed and was undone: duplicate key/);
    expect((await sql.query('SELECT id FROM visit')).rows).toEqual([]);
    expect(await books()).toHaveLength(1);
    await write('20260102000000_second', 'INSERT INTO visit VALUES (1);');
    expect(await apply()).toEqual(['20260102000000_second']);
  });

  test('refuses a migration that was edited after it had been applied', async () => {
    await apply();
    await write('20260101000000_first', `${FIRST} -- better`);
    await expect(apply()).rejects.toThrow('20260101000000_first was edited after it had been applied');
  });

  test('refuses to build on a migration that Prisma began and did not finish', async () => {
    await apply();
    await sql.query('UPDATE _prisma_migrations SET finished_at = NULL');
    await expect(apply()).rejects.toThrow('20260101000000_first was begun by Prisma and did not finish');
  });
});
