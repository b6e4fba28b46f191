import { checkMigration } from './check-migration.ts';
import { MigrationError } from './fault.ts';
import type { Migration } from './migration.ts';
import type { RouteDeclaration } from './route.ts';
import type { TableMapping } from './table.ts';

/** What {@link defineMigration} takes. */
export interface MigrationDeclaration {
  /** See {@link Migration.capability}. */
  readonly capability: string;
  /** See {@link Migration.service}. */
  readonly service?: string;
  /** Route id -> `read(...)` or `write(...)`. */
  readonly routes: Readonly<Record<string, RouteDeclaration>>;
  /** See {@link Migration.tables}. */
  readonly tables: readonly TableMapping[];
  /** See {@link Migration.follows}. */
  readonly follows?: readonly TableMapping[];
}

/** Declares a migration. @throws {MigrationError} with every fault of the declaration at once. */
export function defineMigration(declaration: MigrationDeclaration): Migration {
  const migration: Migration = {
    capability: declaration.capability,
    service: declaration.service ?? declaration.capability,
    routes: Object.entries(declaration.routes).map(([id, route]) => ({ id, ...route })),
    tables: declaration.tables,
    follows: declaration.follows ?? [],
  };
  const faults = checkMigration(migration);
  if (faults.length > 0) throw new MigrationError(faults);
  return migration;
}
