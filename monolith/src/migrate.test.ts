import { readFile } from 'node:fs/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { createDatabase, type TestDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { migrate } from './migrate.ts';

const NAME = '20090401120000_init';
const databases: TestDatabase[] = [];
let url: string;

beforeEach(async () => {
  const database = await createDatabase('migrate');
  databases.push(database);
  url = database.url;
});

afterAll(async () => {
  for (const database of databases) await database.drop();
});

it('applies what is new, and nothing the second time', async () => {
  expect(await migrate(url)).toEqual([NAME]);
  expect(await migrate(url)).toEqual([]);
});

it('can be run twice at once', async () => {
  const done = await Promise.all([migrate(url), migrate(url), migrate(url)]);
  expect(done.flat()).toEqual([NAME]);
});

it('leaves "prisma migrate deploy" nothing to do', async () => {
  await migrate(url);
  const { SchemaEngine } = await import('@prisma/schema-engine-wasm');
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: url }));
  const engine = await SchemaEngine.new({ datamodels: undefined }, () => undefined, adapter);
  const content = await readFile(new URL(`../prisma/migrations/${NAME}/migration.sql`, import.meta.url), 'utf8');
  const migrationsList = {
    baseDir: '/',
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"' },
    shadowDbInitScript: '',
    migrationDirectories: [
      { path: NAME, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: content } } },
    ],
  };
  const filters = { externalTables: [], externalEnums: [] };
  const diagnosis = await engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters });
  expect(diagnosis).toMatchObject({
    history: null,
    editedMigrationNames: [],
    failedMigrationNames: [],
    hasMigrationsTable: true,
  });
  expect(await engine.applyMigrations({ migrationsList, filters })).toEqual({ appliedMigrationNames: [] });
});

it('refuses when an applied migration was edited', async () => {
  await migrate(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("UPDATE _prisma_migrations SET checksum = 'other'");
  await client.end();
  await expect(migrate(url)).rejects.toThrow(`Migration ${NAME} was edited after it had been applied`);
});
