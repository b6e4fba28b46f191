import pg from 'pg';
import { LEDGER_SQL } from './apply/ledger.ts';
import { createPublication } from './capture/embedded/publication.ts';
import { slotName } from './capture/embedded/slot.ts';
import type { MigrationDatabases } from './config.ts';
import { quoteName } from './database/connect.ts';

/**
 * The SQL with which a database administrator makes the two roles of a migration, with no more than they need: no
 * superuser, no ownership, no right to create anything.
 */
export function rolesSql({ migration, sourceUrl, targetUrl }: MigrationDatabases): string {
  const mappings = [...migration.tables, ...migration.follows];
  const sources = mappings.map((mapping) => mapping.source);
  const targets = mappings.map((mapping) => mapping.target);
  const name = slotName(migration.capability);
  const reader = pg.escapeIdentifier(`${name}_reader`);
  const writer = pg.escapeIdentifier(`${name}_writer`);
  const schemas = (tables: readonly { schema: string }[]) =>
    [...new Set(tables.map((table) => pg.escapeIdentifier(table.schema)))].join(', ');
  return `-- ${migration.capability}: in the source, database ${databaseOf(sourceUrl)}, as a superuser.
-- REPLICATION lets a role read the whole log of the server: give it to this role alone.
CREATE ROLE ${reader} LOGIN REPLICATION PASSWORD 'choose one';
GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(databaseOf(sourceUrl))} TO ${reader};
GRANT USAGE ON SCHEMA ${schemas(sources)} TO ${reader};
GRANT SELECT ON ${sources.map(quoteName).join(', ')} TO ${reader};
-- Only the owner of a table can publish it, so this is yours. Run it again when the declaration names other tables.
${createPublication(name, sources)};

-- ${migration.capability}: in the target, database ${databaseOf(targetUrl)}, as its owner.
CREATE ROLE ${writer} LOGIN PASSWORD 'choose one';
GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(databaseOf(targetUrl))} TO ${writer};
GRANT USAGE ON SCHEMA ${schemas(targets)} TO ${writer};
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ${targets.map(quoteName).join(', ')} TO ${writer};
-- Where the position is kept, in the transaction of the rows.
${LEDGER_SQL};
GRANT USAGE ON SCHEMA strangler TO ${writer};
GRANT SELECT, INSERT, UPDATE ON strangler.stream TO ${writer};
GRANT SELECT, INSERT, UPDATE, DELETE ON strangler.dead_letter TO ${writer};
`;
}

function databaseOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}
