import pg from 'pg';
import { applyGrantsSql } from './apply/apply-session.ts';
import { LEDGER_SQL } from './apply/ledger.ts';
import { createPublication } from './capture/embedded/publication.ts';
import type { MigrationDatabases } from './config.ts';
import { quoteName } from './database/connect.ts';
import { courseOf, type StreamCourse } from './direction.ts';

/**
 * The SQL with which a database administrator makes the role of a migration in each of its two databases, with no more
 * than it needs: no superuser, no ownership, no right to create anything. As the ownership can move, each reads there and
 * writes there.
 */
export function rolesSql(databases: MigrationDatabases): string {
  const forward = courseOf(databases, 'forward');
  const reverse = courseOf(databases, 'reverse');
  return `${roleSql('monolith', { from: forward, into: reverse })}
${roleSql('service', { from: reverse, into: forward })}`;
}

interface Courses {
  /** Whose source this database is. */
  readonly from: StreamCourse;
  /** Whose target it is. */
  readonly into: StreamCourse;
}

function roleSql(side: 'monolith' | 'service', { from, into }: Courses): string {
  const role = pg.escapeIdentifier(`strangler_${from.name.capability.replaceAll('-', '_')}_sync`);
  const database = decodeURIComponent(new URL(from.sourceUrl).pathname.slice(1));
  const read = [...new Set(from.mappings.map(({ source }) => quoteName(source)))];
  const written = [...new Set(into.mappings.map(({ target }) => quoteName(target)))];
  const schemas = [...from.mappings.map(({ source }) => source), ...into.mappings.map(({ target }) => target)];
  const usage = [...new Set(schemas.map(({ schema }) => pg.escapeIdentifier(schema)))].join(', ');
  const published = from.mappings.map(({ source }) => source);
  return `-- ${from.name.capability}: in the ${side}'s database ${database}, as a superuser.
-- REPLICATION lets a role read the whole log of the server: give it to this role alone.
CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'choose one';
GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(database)} TO ${role};
GRANT USAGE ON SCHEMA ${usage} TO ${role};
GRANT SELECT ON ${read.join(', ')} TO ${role};
-- Only the owner of a table can publish it, so this is yours. Run it again when the declaration names other tables.
${createPublication(from.slot, published)};
-- What it writes while the other side owns the rows; where it keeps its position, in the transaction of the rows.
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ${written.join(', ')} TO ${role};
${LEDGER_SQL};
GRANT USAGE ON SCHEMA strangler TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON strangler.stream TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON strangler.dead_letter TO ${role};
GRANT SELECT, INSERT, DELETE ON strangler.stream_marker, strangler.rogue_write TO ${role};
-- The guard and its markers, which are made here later.
ALTER DEFAULT PRIVILEGES IN SCHEMA strangler GRANT SELECT ON TABLES TO ${role};
-- Its writes fire no triggers of the application, and bear an origin by which they are not sent back.
${applyGrantsSql(role)};
`;
}
