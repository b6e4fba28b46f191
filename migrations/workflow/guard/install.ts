import { setTimeout as sleep } from 'node:timers/promises';
import type { Query, TableName } from 'strangler-migrations/define';
import { type GuardPlan, type GuardRoles, triggerName } from './plan.ts';
import { dismantle, dismantleShared, foundation, guardTable, type Step, unguardTable } from './sql.ts';

/** How installing and removing goes on. */
export interface Progress {
  readonly done: number;
  readonly of: number;
  readonly title: string;
  /** How often this step's lock could not be had yet. */
  readonly waits: number;
}

export interface InstallOptions {
  readonly progress?: (progress: Progress) => void;
  /** How often one table's lock is asked for before giving up; each time for a fifth of a second. */
  readonly attemptsMax?: number;
}

/** A table's lock could not be had. What is installed so far stays, and does no harm: run the same again. */
export class GuardBusy extends Error {
  override readonly name = 'GuardBusy';
}

const ATTEMPTS_MAX = 50;
const PAUSE_MS = 250;
/** lock_not_available and deadlock_detected, https://www.postgresql.org/docs/current/errcodes-appendix.html */
const BUSY = ['55P03', '40P01'];

/**
 * Installs the guard of one side in observe mode, or completes it: one table per transaction, each with a short
 * `lock_timeout`, so that no writer ever waits long. Needs the rights of the tables' owner, and one session.
 *
 * @throws {GuardBusy} when a long transaction keeps a table's lock.
 */
export async function installGuard(query: Query, plan: GuardPlan, options: InstallOptions = {}): Promise<void> {
  await inTransaction(query, foundation(plan), { ...options, done: 0, of: 1 });
  const tables = await unguardedTables(query, plan.capability);
  for (const [index, { table, followed }] of tables.entries()) {
    await inTransaction(query, guardTable(plan, table, followed), {
      ...options,
      done: index + 1,
      of: tables.length + 1,
    });
  }
}

/**
 * Removes the guard of one side and leaves the database as it was found. While it works, tables that it has done are
 * unguarded: the caller knows that no side is waiting to move.
 *
 * @throws {GuardBusy} when a long transaction keeps a table's lock.
 */
export async function removeGuard(
  query: Query,
  { capability, ...roles }: GuardRoles & { readonly capability: string },
  options: InstallOptions = {},
): Promise<void> {
  const tables = await tablesWithTrigger(query, capability);
  const of = tables.length + 2;
  for (const [index, table] of tables.entries()) {
    await inTransaction(query, unguardTable(capability, table), { ...options, done: index, of });
  }
  const [there] = await query(`SELECT to_regclass('strangler.guard') IS NOT NULL AS present`, []);
  if (!there?.present) return;
  await inTransaction(query, dismantle(capability), { ...options, done: of - 2, of });
  const [left] = await query('SELECT count(*)::integer AS guards FROM strangler.guard', []);
  if (left?.guards !== 0) return;
  await inTransaction(query, dismantleShared(roles), { ...options, done: of - 1, of });
  const [schema] = await query(
    `SELECT NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass
                        AND d.refobjid = to_regnamespace('strangler')) AS empty`,
    [],
  );
  if (schema?.empty) await query('DROP SCHEMA IF EXISTS strangler', []);
}

async function inTransaction(
  query: Query,
  step: Step,
  options: InstallOptions & { done: number; of: number },
): Promise<void> {
  const { progress, attemptsMax = ATTEMPTS_MAX, done, of } = options;
  for (let waits = 0; ; waits++) {
    progress?.({ done, of, title: step.title, waits });
    try {
      await query('BEGIN', []);
      await query(step.sql, []);
      await query('COMMIT', []);
      return;
    } catch (error) {
      await query('ROLLBACK', []);
      if (!BUSY.includes((error as { code?: string }).code ?? '')) throw error;
      if (waits + 1 >= attemptsMax) {
        throw new GuardBusy(
          `${step.title}: another transaction keeps the table's lock. End it, or wait for it, then run this again; ` +
            'pg_blocking_pids() and strangler.guard_blockers() name it.',
          { cause: error },
        );
      }
      await sleep(PAUSE_MS);
    }
  }
}

/** The tables that the row says are guarded and that lack a trigger that fires always. */
async function unguardedTables(
  query: Query,
  capability: string,
): Promise<readonly { readonly table: TableName; readonly followed: boolean }[]> {
  const rows = await query(
    `SELECT n.nspname AS schema, c.relname AS name, r.followed
       FROM strangler.guard_relations($1) r JOIN pg_class c ON c.oid = r.relation JOIN pg_namespace n ON n.oid = c.relnamespace
      ORDER BY 1, 2`,
    [capability],
  );
  return rows.map((row) => ({
    table: { schema: String(row.schema), name: String(row.name) },
    followed: row.followed === true,
  }));
}

async function tablesWithTrigger(query: Query, capability: string): Promise<readonly TableName[]> {
  const rows = await query(
    `SELECT n.nspname AS schema, c.relname AS name
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE t.tgname = $1 ORDER BY 1, 2`,
    [triggerName(capability)],
  );
  return rows.map((row) => ({ schema: String(row.schema), name: String(row.name) }));
}
