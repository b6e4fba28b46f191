import pg from 'pg';
import { applyGrantsSql, ORIGIN_FUNCTIONS } from './apply/apply-session.ts';
import { LEDGER_TABLES } from './apply/ledger.ts';
import { alterPublication, createPublication } from './capture/embedded/publication.ts';
import { readSlot } from './capture/embedded/slot.ts';
import type { CaptureEngine } from './capture/engine.ts';
import type { MigrationDatabases } from './config.ts';
import { quoteName, withConnection } from './database/connect.ts';
import { courseOf, type StreamCourse } from './direction.ts';
import { describeError, StreamStop } from './errors.ts';
import { MARKER_TABLE, readOwnership } from './ownership.ts';
import { readSequence } from './sequences.ts';

/** One thing that was looked at. */
export interface Check {
  readonly capability: string;
  /** Whose database. */
  readonly side: 'monolith' | 'service';
  readonly name: string;
  /** `hint` works as it is, but will hurt one day. */
  readonly outcome: 'ok' | 'hint' | 'wanting';
  readonly found: string;
  /** The statement, or the action, that mends it; null when nothing is to do. */
  readonly mend: string | null;
}

type Finding = Omit<Check, 'capability' | 'side'>;

const APPLICATION_NAME = 'strangler_doctor';

/** Looks at both databases of a migration, and at what the engine needs, and changes nothing. */
export async function examine(databases: MigrationDatabases, engine: CaptureEngine): Promise<readonly Check[]> {
  const { capability } = databases.migration;
  const [forward, reverse] = [courseOf(databases, 'forward'), courseOf(databases, 'reverse')];
  const side = async (
    name: Check['side'],
    url: string,
    look: (client: pg.Client, guarded: boolean) => Promise<readonly Finding[]>,
  ): Promise<readonly Check[]> => {
    try {
      const findings = await withConnection(url, APPLICATION_NAME, async (client) =>
        look(client, (await readOwnership(client, capability)) !== undefined),
      );
      return findings.map((finding) => ({ capability, side: name, ...finding }));
    } catch (error) {
      const mend = error instanceof StreamStop ? error.fix : 'Start the server, or correct the URL, role or password.';
      return [{ capability, side: name, name: 'connection', outcome: 'wanting', found: describeError(error), mend }];
    }
  };
  return [
    ...(await side('monolith', databases.sourceUrl, async (client, guarded) => [
      ...(await checkSource(client, forward)),
      ...needed(guarded, await checkTarget(client, reverse)),
      ...(await checkSequences(client, reverse)),
    ])),
    ...(await engine.examine(forward)).map((finding) => ({ capability, side: 'monolith' as const, ...finding })),
    ...(await side('service', databases.targetUrl, async (client, guarded) => [
      ...(await checkTarget(client, forward)),
      ...needed(guarded, await checkSource(client, reverse)),
      ...(await checkSequences(client, forward)),
    ])),
  ];
}

/** What the way back needs is wanting only once there is a guard: until then the ownership cannot move. */
function needed(guarded: boolean, findings: readonly Finding[]): readonly Finding[] {
  return findings.map((finding) => {
    const name = `${finding.name} (for the way back)`;
    if (guarded || finding.outcome !== 'wanting') return { ...finding, name };
    return { ...finding, name, outcome: 'hint', found: `${finding.found}; needed before the ownership can move` };
  });
}

/** What a stream needs where it reads. */
async function checkSource(client: pg.Client, { slot, mappings }: StreamCourse): Promise<readonly Finding[]> {
  const tables = mappings.map((mapping) => mapping.source);
  return [
    ...(await checkServer(client)),
    await checkSlot(client, slot),
    ...(await checkStandbys(client)),
    await checkPublication(client, slot, tables),
    ...(await checkMarkers(client, slot)),
    ...(await checkReplicaIdentities(client, tables)),
    ...(await checkReads(client, tables)),
  ];
}

/** What it needs where it writes. */
async function checkTarget(client: pg.Client, { mappings }: StreamCourse): Promise<readonly Finding[]> {
  return [
    await checkLedger(client),
    await checkApply(client),
    ...(await checkWrites(
      client,
      mappings.map((mapping) => mapping.target),
    )),
  ];
}

/**
 * A commit that waits for a standby is in the stream already, unless the standbys' slots are named. A failover may forget
 * it, and readers of the source do not see it yet.
 */
async function checkStandbys(client: pg.Client): Promise<readonly Finding[]> {
  const { rows } = await client.query(
    `SELECT current_setting('synchronized_standby_slots', true) AS named, current_setting('synchronous_standby_names') AS waits,
       ARRAY(SELECT slot_name::text FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical' ORDER BY 1) AS slots`,
  );
  const { named, waits, slots } = rows[0];
  if (slots.length === 0 && waits === '') return [];
  const name = 'synchronized_standby_slots';
  if (named) return [ok(name, named)];
  const mend =
    named === null
      ? 'Upgrade the source to PostgreSQL 17 or later, where they can be named.'
      : `ALTER SYSTEM SET ${name} = '${slots.join(', ') || 'slots of the standbys'}'; SELECT pg_reload_conf();`;
  return [
    { name, outcome: 'hint', found: 'no standby is waited for: the target may have what a failover forgets', mend },
  ];
}

/** Markers travel as rows, so their table has to be published with the others. */
async function checkMarkers(client: pg.Client, publication: string): Promise<readonly Finding[]> {
  const { rows } = await client.query(
    `SELECT to_regclass('${MARKER_TABLE}') IS NOT NULL AS present,
       EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = $1) AS published,
       EXISTS (SELECT FROM pg_catalog.pg_publication_tables
               WHERE pubname = $1 AND schemaname || '.' || tablename = '${MARKER_TABLE}') AS carried`,
    [publication],
  );
  const { present, published, carried } = rows[0];
  if (!present || !published) return [];
  if (carried) return [ok('markers', `${publication} carries ${MARKER_TABLE}`)];
  const add = `ALTER PUBLICATION ${pg.escapeIdentifier(publication)} ADD TABLE ${MARKER_TABLE};`;
  return [wanting('markers', `${publication} does not carry ${MARKER_TABLE}, so no ownership can move`, add)];
}

/** The right to write as the sync does. */
async function checkApply(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query(
    `SELECT quote_ident(current_user) AS role,
       has_parameter_privilege('session_replication_role', 'SET') AS may_set,
       (SELECT bool_and(has_function_privilege(f, 'EXECUTE')) FROM unnest($1::text[]) AS f) AS may_call`,
    [[...ORIGIN_FUNCTIONS]],
  );
  const { role, may_set, may_call } = rows[0];
  const name = 'replication origin';
  if (may_set && may_call) return ok(name, `role ${role} may bear one, and write without triggers of the application`);
  return wanting(name, `role ${role} may not bear one, or not write as a replica`, `${applyGrantsSql(role)};`);
}

/** Sequences of what a stream writes have to be kept ahead, which one with a cache cannot be. */
async function checkSequences(client: pg.Client, { mappings, owned }: StreamCourse): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { source, target, key, columns } of mappings) {
    if (!owned.some(({ schema, name }) => schema === source.schema && name === source.name)) continue;
    for (const { target: column } of [...key, ...columns]) {
      const sequence = await readSequence({ client, table: target, column });
      if (!sequence) continue;
      const name = `sequence ${sequence.name}`;
      if (sequence.increment <= 0n) {
        findings.push(
          wanting(
            name,
            'it counts down, so it cannot be kept ahead',
            `ALTER SEQUENCE ${sequence.name} INCREMENT BY 1;`,
          ),
        );
      } else if (sequence.cache > 1n) {
        const found = `sessions keep ${sequence.cache} numbers at once (CACHE), which setval does not reach`;
        findings.push(wanting(name, found, `ALTER SEQUENCE ${sequence.name} CACHE 1;`));
      } else findings.push(ok(name, `at ${sequence.last ?? 'its start'}`));
    }
  }
  return findings;
}

function ok(name: string, found: string): Finding {
  return { name, outcome: 'ok', found, mend: null };
}

function wanting(name: string, found: string, mend: string): Finding {
  return { name, outcome: 'wanting', found, mend };
}

type Table = { readonly schema: string; readonly name: string };

async function checkServer(client: pg.Client): Promise<Finding[]> {
  const { rows } = await client.query(`
    SELECT current_setting('server_version_num')::int AS version, current_setting('wal_level') AS wal_level,
      current_setting('max_replication_slots')::int AS slots_max,
      current_setting('max_wal_senders')::int AS senders_max,
      (SELECT count(*)::int FROM pg_catalog.pg_replication_slots) AS slots,
      (SELECT count(*)::int FROM pg_catalog.pg_stat_replication) AS senders,
      (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size')::int AS keep_mib,
      (SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS may_replicate,
      quote_ident(current_user) AS role`);
  const row = rows[0];
  const free = (name: string, used: number, most: number): Finding =>
    used < most
      ? ok(name, `${most - used} of ${most} free`)
      : wanting(name, `all ${most} are taken`, `ALTER SYSTEM SET ${name} = ${most + 10}; -- then restart the server`);
  return [
    row.version >= 150_000
      ? ok('server_version', String(Math.floor(row.version / 10_000)))
      : wanting('server_version', String(row.version), 'Upgrade the source to PostgreSQL 15 or later.'),
    row.wal_level === 'logical'
      ? ok('wal_level', 'logical')
      : wanting('wal_level', row.wal_level, "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server"),
    row.may_replicate
      ? ok('replication', `role ${row.role} may replicate`)
      : wanting('replication', `role ${row.role} may not replicate`, `ALTER ROLE ${row.role} REPLICATION;`),
    free('max_replication_slots', row.slots, row.slots_max),
    free('max_wal_senders', row.senders, row.senders_max),
    row.keep_mib >= 0
      ? ok('max_slot_wal_keep_size', `${row.keep_mib} MiB`)
      : {
          name: 'max_slot_wal_keep_size',
          outcome: 'hint',
          found: 'no limit: while capture is away, the log can fill the disk of the source',
          mend: "ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'; SELECT pg_reload_conf(); -- beyond it the slot is lost, and a load has to begin again",
        },
  ];
}

async function checkSlot(client: pg.Client, name: string): Promise<Finding> {
  const slot = await readSlot(client, name);
  if (!slot) return ok('slot', `${name} does not exist yet; the first run creates it`);
  if (slot.lost !== undefined) {
    return wanting('slot', `${name} is lost (${slot.lost})`, 'Begin afresh, as the stream itself says.');
  }
  const state = slot.active ? 'in use' : 'idle';
  return ok('slot', `${name} is ${state}, ${Math.round(slot.retainedBytes / 1024)} KiB of log kept for it`);
}

async function checkPublication(client: pg.Client, name: string, tables: readonly Table[]): Promise<Finding> {
  const { rows } = await client.query(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = $1) AS present,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       ARRAY(SELECT w.s || '.' || w.t FROM unnest($2::text[], $3::text[]) AS w(s, t)
             WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_publication_tables p
                               WHERE p.pubname = $1 AND p.schemaname = w.s AND p.tablename = w.t)) AS absent,
       ARRAY(SELECT w.s || '.' || w.t FROM unnest($2::text[], $3::text[]) AS w(s, t)
             WHERE NOT coalesce((SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c
                                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                                 WHERE n.nspname = w.s AND c.relname = w.t), false)) AS not_owned`,
    [name, tables.map((table) => table.schema), tables.map((table) => table.name)],
  );
  const { present, absent, may_create, not_owned } = rows[0];
  if (present && absent.length === 0) return ok('publication', `${name} carries all ${tables.length} tables`);
  const what = present ? `${name} lacks ${absent.join(', ')}` : `${name} does not exist yet`;
  if (not_owned.length === 0 && (present || may_create)) return ok('publication', `${what}; the next run mends that`);
  const why = not_owned.length > 0 ? `does not own ${not_owned.join(', ')}` : 'may not create one in this database';
  const statement = present ? `${alterPublication(name, tables)};` : `${createPublication(name, tables)};`;
  return wanting('publication', `${what}, and this role ${why}`, statement);
}

async function checkReplicaIdentities(client: pg.Client, tables: readonly Table[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const table of tables) {
    const name = `replica identity of ${table.schema}.${table.name}`;
    const { rows } = await client.query(
      `SELECT c.relreplident AS identity,
         EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS keyed
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = $2`,
      [table.schema, table.name],
    );
    const row = rows[0];
    if (!row)
      findings.push(
        wanting(name, 'there is no such table', "Correct the declaration, or apply the source's migrations."),
      );
    else if (row.identity === 'f') findings.push(ok(name, 'full'));
    else if (row.identity === 'd' && row.keyed) findings.push(ok(name, 'its primary key'));
    else if (row.identity === 'i') findings.push(ok(name, 'an index'));
    else {
      const identity = row.keyed ? 'DEFAULT' : 'FULL';
      findings.push(wanting(name, 'none', `ALTER TABLE ${quoteName(table)} REPLICA IDENTITY ${identity};`));
    }
  }
  return findings;
}

async function checkReads(client: pg.Client, tables: readonly Table[]): Promise<Finding[]> {
  return checkPrivileges(client, tables, ['SELECT']);
}

async function checkWrites(client: pg.Client, tables: readonly Table[]): Promise<Finding[]> {
  return checkPrivileges(client, tables, ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']);
}

async function checkPrivileges(
  client: pg.Client,
  tables: readonly Table[],
  wanted: readonly string[],
): Promise<Finding[]> {
  const { rows } = await client.query(
    `SELECT w.s AS schema, w.t AS name, quote_ident(current_user) AS role,
       to_regclass(format('%I.%I', w.s, w.t)) IS NULL AS absent,
       ARRAY(SELECT p FROM unnest($3::text[]) AS p
             WHERE NOT coalesce(has_table_privilege(to_regclass(format('%I.%I', w.s, w.t)), p), true)) AS lacks
     FROM unnest($1::text[], $2::text[]) AS w(s, t)`,
    [tables.map((table) => table.schema), tables.map((table) => table.name), wanted],
  );
  return rows.map((row) => {
    const name = `privileges on ${row.schema}.${row.name}`;
    if (row.absent)
      return wanting(name, 'there is no such table', "Correct the declaration, or apply this database's migrations.");
    if (row.lacks.length === 0) return ok(name, wanted.join(', '));
    return wanting(
      name,
      `lacks ${row.lacks.join(', ')}`,
      `GRANT ${row.lacks.join(', ')} ON ${quoteName(row)} TO ${row.role};`,
    );
  });
}

async function checkLedger(client: pg.Client): Promise<Finding> {
  const { rows } = await client.query(
    `SELECT (SELECT count(*) FROM unnest($1::text[]) AS t WHERE to_regclass('strangler.' || t) IS NOT NULL) = $2 AS present,
       quote_ident(current_user) AS role,
       quote_ident(current_database()) AS database, has_database_privilege(current_database(), 'CREATE') AS may_create,
       (SELECT bool_and(coalesce(has_table_privilege(to_regclass('strangler.' || t), 'INSERT'), false))
        FROM unnest($1::text[]) AS t) AS may_write`,
    [LEDGER_TABLES, LEDGER_TABLES.length],
  );
  const { present, role, database, may_create, may_write } = rows[0];
  const tables = LEDGER_TABLES.map((table) => `strangler.${table}`).join(', ');
  if (present && may_write) return ok('ledger', `${tables} are there`);
  if (present) {
    return wanting(
      'ledger',
      `role ${role} may not write ${tables}`,
      `GRANT USAGE ON SCHEMA strangler TO ${role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ${tables} TO ${role};`,
    );
  }
  if (may_create)
    return ok('ledger', 'the tables of the schema strangler do not all exist yet; the first run creates them');
  return wanting(
    'ledger',
    `role ${role} may not create the schema strangler and its tables`,
    `GRANT CREATE ON DATABASE ${database} TO ${role};`,
  );
}
