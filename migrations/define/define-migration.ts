import { checkMigration } from './check-migration.ts';
import type { Migration, MigrationDeclaration } from './declaration.ts';
import { MigrationError } from './fault.ts';

/** Declares a migration. @throws {MigrationError} with every fault of the declaration at once. */
export function defineMigration(declaration: MigrationDeclaration): Migration {
  const migration: Migration = {
    capability: declaration.capability,
    service: declaration.service ?? declaration.capability,
    routes: Object.entries(declaration.routes).map(([id, route]) => ({ id, ...route })),
    tables: declaration.tables,
    follows: declaration.follows ?? [],
    ...(declaration.foreignKeys ? { foreignKeys: declaration.foreignKeys } : {}),
  };
  const faults = checkMigration(migration);
  if (faults.length > 0) throw new MigrationError(faults);
  return migration;
}
