import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkMigration } from './check-migration.ts';
import { checkMigrations } from './check-migrations.ts';
import type { Migration } from './declaration.ts';
import { type Fault, MigrationError } from './fault.ts';

const FILE = /^migration\.[tj]s$/;

/**
 * Imports the default export of every `<folder>/<capability>/migration.ts` (or `.js`), in the capabilities' order.
 *
 * @throws {MigrationError} with every fault of every file, and those that lie between the files, at once.
 */
export async function loadMigrations(folder: string): Promise<readonly Migration[]> {
  const files = await findDeclarations(resolve(folder));
  const loaded = await Promise.all(files.map(load));
  const faults = loaded.flatMap((each) => each.faults);
  const migrations = loaded.flatMap((each) => each.migration ?? []);
  faults.push(...checkMigrations(migrations));
  if (faults.length > 0) throw new MigrationError(faults);
  return migrations.toSorted((one, other) => (one.capability < other.capability ? -1 : 1));
}

async function findDeclarations(folder: string): Promise<readonly string[]> {
  const mend = 'Give the folder that holds one folder with a migration.ts per capability (STRANGLER_MIGRATIONS)';
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new MigrationError([{ where: folder, problem: `the folder cannot be read (${error.code})`, mend }]);
  });
  const files: string[] = [];
  for (const entry of entries.filter((each) => each.isDirectory())) {
    const inside = await readdir(resolve(folder, entry.name));
    files.push(...inside.filter((name) => FILE.test(name)).map((name) => resolve(folder, entry.name, name)));
  }
  if (files.length > 0) return files.toSorted();
  throw new MigrationError([{ where: folder, problem: 'there is no migration.ts in any folder of it', mend }]);
}

interface Loaded {
  readonly migration?: Migration;
  readonly faults: readonly Fault[];
}

async function load(file: string): Promise<Loaded> {
  let declared: unknown;
  try {
    const module: { default?: unknown } = await import(pathToFileURL(file).href);
    declared = module.default;
  } catch (error) {
    // Not instanceof: the file may have a copy of this package of its own.
    if (error instanceof Error && error.name === 'MigrationError') return { faults: (error as MigrationError).faults };
    const problem = `it cannot be imported: ${error instanceof Error ? error.message : String(error)}`;
    return { faults: [{ where: file, problem, mend: 'Mend the file; "node <file>" shows the whole error' }] };
  }
  if (!isMigration(declared)) {
    const mend = 'End the file with "export default defineMigration({ ... })"';
    return { faults: [{ where: file, problem: 'its default export is no migration', mend }] };
  }
  return { migration: declared, faults: checkMigration(declared) };
}

function isMigration(declared: unknown): declared is Migration {
  if (typeof declared !== 'object' || declared === null) return false;
  const { capability, service, routes, tables, follows } = declared as Record<string, unknown>;
  return (
    typeof capability === 'string' && typeof service === 'string' && [routes, tables, follows].every(Array.isArray)
  );
}
