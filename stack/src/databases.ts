import pg from 'pg';

/** A role that logs in, and nothing more unless `replication` says so. */
export interface Role {
  readonly name: string;
  readonly password: string;
  readonly replication?: boolean;
}

/** A database that belongs to one role; others get what `grants` says. */
export interface DatabaseDescription {
  readonly name: string;
  readonly owner: string;
  /** Statements that run in this database, as the superuser; each has to bear being repeated. */
  readonly grants?: readonly string[];
}

/** Creates the roles and databases that are not there, and sets passwords and grants as described. Repeatable. */
export async function prepareDatabases(
  url: (database: string) => string,
  roles: readonly Role[],
  databases: readonly DatabaseDescription[],
): Promise<void> {
  await withClient(url('postgres'), async (client) => {
    for (const role of roles) await prepareRole(client, role);
    const { rows } = await client.query<{ datname: string }>('SELECT datname FROM pg_database');
    const present = new Set(rows.map(({ datname }) => datname));
    for (const { name, owner } of databases) {
      const quoted = pg.escapeIdentifier(name);
      if (!present.has(name)) {
        await client.query(`CREATE DATABASE ${quoted} OWNER ${pg.escapeIdentifier(owner)} STRATEGY file_copy`);
      }
      // PostgreSQL lets every role connect to every database unless told otherwise.
      await client.query(`REVOKE ALL ON DATABASE ${quoted} FROM PUBLIC`);
    }
  });
  for (const { name, grants = [] } of databases) {
    if (grants.length === 0) continue;
    await withClient(url(name), async (client) => {
      for (const statement of grants) await client.query(statement);
    });
  }
}

async function prepareRole(client: pg.Client, { name, password, replication }: Role): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  const may = replication ? 'REPLICATION' : 'NOREPLICATION';
  await client.query(
    `${verb} ROLE ${pg.escapeIdentifier(name)} LOGIN NOSUPERUSER ${may} PASSWORD ${pg.escapeLiteral(password)}`,
  );
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** What change data capture needs where it reads: the tables, and to publish them, which is their owner's right. */
function captureGrants(owner: string, role: string): string[] {
  return [`GRANT ${owner} TO ${role}`];
}

/**
 * What change data capture needs where it writes: the rows of every table that the owner has or will have, a schema of its
 * own for its position, and to mark what it writes as its own, without triggers of the application.
 */
function applyGrants(database: string, owner: string, role: string): string[] {
  const rights = 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE';
  const functions = ['oid(text)', 'create(text)', 'session_setup(text)'].map(
    (name) => `pg_catalog.pg_replication_origin_${name}`,
  );
  return [
    `GRANT CREATE ON DATABASE ${pg.escapeIdentifier(database)} TO ${role}`,
    `GRANT ${rights} ON ALL TABLES IN SCHEMA public TO ${role}`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA public GRANT ${rights} ON TABLES TO ${role}`,
    `GRANT SET ON PARAMETER session_replication_role TO ${role}`,
    `GRANT EXECUTE ON FUNCTION ${functions.join(', ')} TO ${role}`,
  ];
}

/** What change data capture needs in a database whose rows it reads or writes, as the ownership is here or there. */
export function syncGrants(database: string, owner: string, role: string): string[] {
  return [
    `GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(database)} TO ${role}`,
    ...captureGrants(owner, role),
    ...applyGrants(database, owner, role),
  ];
}

/**
 * What the control plane needs beside the guard's functions, which are granted where they are made: to read the rows that it
 * proves the mapping with and what change data capture writes down, and to put sequences ahead.
 */
export function workflowGrants(database: string, owner: string, capture: string, role: string): string[] {
  return [
    `GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(database)} TO ${role}`,
    `GRANT USAGE ON SCHEMA strangler TO ${role}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
    `GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA strangler TO ${role}`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} GRANT SELECT ON TABLES TO ${role}`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} GRANT SELECT, UPDATE ON SEQUENCES TO ${role}`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${capture} GRANT SELECT ON TABLES TO ${role}`,
  ];
}

/**
 * The schema that the toolkit's parts share in a database: whoever owns the tables owns it, change data capture may make
 * its own tables there, and the proxy may ask how far a stream is.
 */
export function sharedSchema(database: string, owner: string, capture: string, proxy: string): string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS strangler AUTHORIZATION ${owner}`,
    `GRANT USAGE, CREATE ON SCHEMA strangler TO ${capture}`,
    `GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(database)} TO ${proxy}`,
    `GRANT USAGE ON SCHEMA strangler TO ${proxy}`,
  ];
}
