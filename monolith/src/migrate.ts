import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { readSettings } from './settings.ts';

const FOLDER = new URL('../prisma/migrations/', import.meta.url);

/** The advisory lock that "prisma migrate" takes, so that neither of us migrates while the other does. */
const LOCK = 72_707_369;

/** Prisma's own table, as its schema engine creates it. */
const BOOKKEEPING = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  varchar(36) PRIMARY KEY NOT NULL,
    checksum            varchar(64) NOT NULL,
    finished_at         timestamptz,
    migration_name      varchar(255) NOT NULL,
    logs                text,
    rolled_back_at      timestamptz,
    started_at          timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
  )`;

/**
 * Applies what is new in prisma/migrations, each in a transaction of its own, and says which.
 *
 * "prisma migrate deploy" would do the same, with an engine that npm does not carry. As the bookkeeping is Prisma's, it
 * finds nothing to do afterwards. Safe to run twice, and twice at once.
 *
 * @throws Error when a migration fails, or when one that was applied has been edited since.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'shop-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await client.query(BOOKKEEPING);
    const applied = await checksums(client);
    const done: string[] = [];
    for (const { name, sql, checksum } of await migrationFiles()) {
      if (applied.has(name)) {
        if (applied.get(name) === checksum) continue;
        throw new Error(
          `Migration ${name} was edited after it had been applied. Undo the edit and add a new migration.`,
        );
      }
      await apply(client, name, sql, checksum);
      done.push(name);
    }
    return done;
  } finally {
    await client.end();
  }
}

async function checksums(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ migration_name: string; checksum: string }>(
    'SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  );
  return new Map(rows.map((row) => [row.migration_name, row.checksum]));
}

async function migrationFiles(): Promise<{ name: string; sql: string; checksum: string }[]> {
  const entries = await readdir(FOLDER, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(new URL(`${name}/migration.sql`, FOLDER), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function apply(client: pg.Client, name: string, sql: string, checksum: string): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, clock_timestamp(), 1)`,
      [randomUUID(), checksum, name],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    throw new Error(`Migration ${name} failed and was undone: ${(cause as Error).message}`, { cause });
  }
}

if (import.meta.main) {
  try {
    const done = await migrate(readSettings(process.env).databaseUrl);
    console.error(done.length === 0 ? 'The database is up to date.' : `Applied ${done.join(', ')}.`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
