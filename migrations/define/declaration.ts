import type { ForeignKeyPolicy } from './foreign-key.ts';
import type { Route, RouteDeclaration } from './route.ts';
import type { TableMapping } from './table.ts';

/** The declaration of one migration: all that proxy, change data capture and workflow have to know about a capability. */
export interface Migration {
  /** The bounded context that moves: `catalog`. Part of the names of flags, metrics, slots and publications. */
  readonly capability: string;
  /** The upstream that takes it over, and the name of its database; by default the capability's own name. */
  readonly service: string;
  readonly routes: readonly Route[];
  /** Tables whose rows the capability owns: they move both ways, whichever side is the owner. */
  readonly tables: readonly TableMapping[];
  /**
   * Tables of the monolith that the service only reads (stock, review averages): they stay the monolith's for good, and
   * are carried forward alone, before and after the cut-over.
   */
  readonly follows: readonly TableMapping[];
  /** Name of a foreign key with one end outside the capability, of either database -> what keeps it true. */
  readonly foreignKeys?: Readonly<Record<string, ForeignKeyPolicy>>;
}

/** What `defineMigration` takes. */
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
  /** See {@link Migration.foreignKeys}. */
  readonly foreignKeys?: Readonly<Record<string, ForeignKeyPolicy>>;
}
