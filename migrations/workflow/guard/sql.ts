import { readFileSync } from 'node:fs';
import { literal, type TableName } from 'strangler-migrations/define';
import { type GuardPlan, type GuardRoles, guardName, triggerName } from './plan.ts';

/** Statements that belong together, in one transaction, with the reason in one line. */
export interface Step {
  readonly title: string;
  readonly sql: string;
}

/** The files that every database with a guard has run, in this order. */
const SHARED = ['1-tables', '2-writes', '3-ownership', '4-checks'] as const;

/** How long a statement that needs a table's lock waits for it, in milliseconds: the application's writers wait behind. */
export const LOCK_TIMEOUT_MS = 200;

/** What the workflow's role may call. */
const WORKFLOW_FUNCTIONS = [
  'guard_fence(text, bigint, uuid, interval)',
  'guard_undo(text, bigint, uuid)',
  'guard_flip(text, bigint, uuid, interval, interval)',
  'guard_open(text, bigint, uuid)',
  'guard_probe(text, uuid)',
  'guard_enforce(text, bigint)',
  'guard_bar(text, bigint, uuid, text)',
  'guard_reaffirm(text, bigint, uuid, text, bigint, uuid)',
  'guard_retire(text, bigint)',
  'guard_status(text)',
  'guard_writers(text, timestamptz)',
  'guard_relations(text)',
  'guard_faults(text)',
  'guard_sequences(text)',
  'guard_crossings(text)',
  'guard_blockers(text, interval)',
  'guard_standbys(pg_lsn)',
] as const;

/** What only the guard itself calls. */
const INNER_FUNCTIONS = [
  'guard_timeline()',
  'guard_shut(strangler.guard)',
  'guard_observe(strangler.guard, oid)',
  'guard_refuse(strangler.guard, oid, text, text, text)',
  'guard_judge(text, oid, boolean)',
  'guard_take(text, boolean)',
  'guard_expect(strangler.guard, text, bigint, uuid)',
  'guard_await_standbys(interval)',
] as const;

/** Everything but the triggers: tables, functions, the capability's row in observe mode, rights. Can be run again. */
export function foundation(plan: GuardPlan): Step {
  const parts = [
    ownerRole(plan),
    ...SHARED.map((name) => file(`${name}.sql`)),
    fill(file('capability.sql'), plan),
    ...(plan.followed.length > 0 ? [fill(file('follows.sql'), plan)] : []),
    guardedTables(plan),
    rights(plan),
  ];
  return { title: 'tables, functions and rights, in the schema strangler', sql: parts.join('\n') };
}

/** The trigger on one table; with the lock that CREATE TRIGGER needs, for a moment. */
export function guardTable(plan: GuardPlan, table: TableName, followed: boolean): Step {
  const name = qualified(table);
  const trigger = quoted(triggerName(plan.capability));
  const calls = `strangler.${followed ? 'guard_follows_' : 'guard_writes_'}${guardName(plan.capability)}`;
  return {
    title: `guard ${table.schema}.${table.name}`,
    sql: `SET LOCAL lock_timeout = '${LOCK_TIMEOUT_MS}ms';
CREATE OR REPLACE TRIGGER ${trigger} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${name}
  FOR EACH STATEMENT EXECUTE FUNCTION ${calls}();
-- Under session_replication_role = replica too.
ALTER TABLE ${name} ENABLE ALWAYS TRIGGER ${trigger};`,
  };
}

/** Takes the trigger off one table. */
export function unguardTable(capability: string, table: TableName): Step {
  return {
    title: `unguard ${table.schema}.${table.name}`,
    sql: `SET LOCAL lock_timeout = '${LOCK_TIMEOUT_MS}ms';
DROP TRIGGER IF EXISTS ${quoted(triggerName(capability))} ON ${qualified(table)};`,
  };
}

/** What a capability has of its own, once its triggers are gone. */
export function dismantle(capability: string): Step {
  const name = guardName(capability);
  return {
    title: `what ${capability} has of its own`,
    sql: `DROP FUNCTION IF EXISTS strangler.guard_writes_${name}(), strangler.guard_follows_${name}();
DROP SEQUENCE IF EXISTS strangler.guard_refused_${name};
DROP TABLE IF EXISTS strangler.guard_lock_${name};
DELETE FROM strangler.guard WHERE capability = ${literal(capability)};
DELETE FROM strangler.marker WHERE capability = ${literal(capability)};`,
  };
}

/** What all capabilities share, once none is left. The schema stays if change data capture has its tables in it. */
export function dismantleShared({ ownerRole, workflowRole, syncRoles }: GuardRoles): Step {
  const functions = [...WORKFLOW_FUNCTIONS, ...INNER_FUNCTIONS].filter((each) => !each.includes('strangler.guard'));
  const ofRows = INNER_FUNCTIONS.filter((each) => each.includes('strangler.guard'));
  return {
    title: 'what all guards share',
    sql: `DROP FUNCTION IF EXISTS ${[...functions, ...ofRows].map((each) => `strangler.${each}`).join(',\n  ')};
DROP TABLE IF EXISTS strangler.guard_writer, strangler.guard_table, strangler.marker, strangler.guard;
${syncRoles.map((role) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoted(role)} IN SCHEMA strangler REVOKE SELECT ON TABLES FROM ${quoted(ownerRole)};`).join('\n')}
DO $rights$ BEGIN
  IF to_regclass('strangler.stream_marker') IS NOT NULL THEN REVOKE SELECT ON strangler.stream_marker FROM ${quoted(ownerRole)}; END IF;
END $rights$;
REVOKE ALL ON SCHEMA strangler FROM ${quoted(ownerRole)}, ${quoted(workflowRole)};`,
  };
}

/** pg_monitor: only who has it sees how far standbys are, and how long others' transactions have been open. */
function ownerRole({ ownerRole: role }: GuardPlan): string {
  return `DO $role$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${literal(role)}) THEN
    CREATE ROLE ${quoted(role)} NOLOGIN;
    GRANT pg_monitor TO ${quoted(role)};
  END IF;
END $role$;
`;
}

function guardedTables({ capability, owned, followed }: GuardPlan): string {
  const rows = [
    ...owned.map((table) => ({ table, followed: false })),
    ...followed.map((table) => ({ table, followed: true })),
  ].map((each) => `  (${literal(capability)}, ${literal(qualified(each.table))}::regclass, ${each.followed})`);
  if (rows.length === 0) return '';
  return `-- The tables that the declaration names.
DELETE FROM strangler.guard_table WHERE capability = ${literal(capability)};
INSERT INTO strangler.guard_table (capability, relation, followed) VALUES
${rows.join(',\n')};`;
}

function rights({ owned, followed, ownerRole, workflowRole, syncRoles, capability }: GuardPlan): string {
  const name = guardName(capability);
  const list = (functions: readonly string[]) => functions.map((each) => `strangler.${each}`).join(',\n  ');
  const own = [`guard_writes_${name}()`, ...(followed.length > 0 ? [`guard_follows_${name}()`] : [])];
  const [owner, workflow, syncs] = [quoted(ownerRole), quoted(workflowRole), syncRoles.map(quoted).join(', ')];
  const functions = [...WORKFLOW_FUNCTIONS, ...INNER_FUNCTIONS, ...own];
  const table = owned[0] ?? followed[0];
  return `-- Rights. Everything belongs to a role that has nothing else: what runs with its rights can do no more than this.
GRANT USAGE, CREATE ON SCHEMA strangler TO ${owner};
ALTER TABLE strangler.guard OWNER TO ${owner};
ALTER TABLE strangler.guard_table OWNER TO ${owner};
ALTER TABLE strangler.guard_writer OWNER TO ${owner};
ALTER TABLE strangler.guard_lock_${name} OWNER TO ${owner};
ALTER SEQUENCE strangler.guard_refused_${name} OWNER TO ${owner};
${functions.map((each) => `ALTER FUNCTION strangler.${each} OWNER TO ${owner};`).join('\n')}
-- The workflow may call functions, the sync may read, nobody else has any part in it.
REVOKE ALL ON FUNCTION ${list(functions)} FROM PUBLIC;
GRANT USAGE ON SCHEMA strangler TO ${workflow}, ${syncs};
GRANT EXECUTE ON FUNCTION ${list(WORKFLOW_FUNCTIONS)} TO ${workflow};
GRANT SELECT ON strangler.guard TO ${syncs};
-- A table is published by its owner: the markers by whoever publishes the capability's tables.
DO $rights$ BEGIN
  EXECUTE format('ALTER TABLE strangler.marker OWNER TO %I', (
    SELECT c.relowner::regrole::text FROM pg_class c WHERE c.oid = ${literal(table === undefined ? 'strangler.marker' : qualified(table))}::regclass));
  -- What the sync has applied is asked for when this side is opened.
  IF to_regclass('strangler.stream_marker') IS NOT NULL THEN GRANT SELECT ON strangler.stream_marker TO ${owner}; END IF;
END $rights$;
GRANT SELECT, INSERT, DELETE ON strangler.marker TO ${owner};
GRANT SELECT ON strangler.marker TO ${syncs};
${syncRoles.map((role) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoted(role)} IN SCHEMA strangler GRANT SELECT ON TABLES TO ${owner};`).join('\n')}
`;
}

function fill(template: string, plan: GuardPlan): string {
  const { capability, side } = plan;
  const values: Readonly<Record<string, string>> = {
    capability,
    name: guardName(capability),
    capability_literal: literal(capability),
    side_literal: literal(side),
    state_literal: literal(side === 'monolith' ? 'open' : 'closed'),
    sync_roles: `ARRAY[${plan.syncRoles.map(literal).join(', ')}]::text[]`,
  };
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`the template asks for {{${key}}}`);
    return value;
  });
}

function file(name: string): string {
  return readFileSync(new URL(`./sql/${name}`, import.meta.url), 'utf8');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `"schema"."name"`. */
export function qualified({ schema, name }: TableName): string {
  return `${quoted(schema)}.${quoted(name)}`;
}
