import type { Query } from 'strangler-migrations/define';
import type { Side } from './plan.ts';

/** A row of `strangler.guard`. */
export interface GuardRow {
  readonly capability: string;
  readonly side: Side;
  readonly mode: 'observe' | 'enforce';
  readonly state: 'open' | 'fenced' | 'closed';
  readonly epoch: number;
  readonly attempt: string | null;
  /** ISO 8601, on the database's clock. */
  readonly deadline: string | null;
  readonly openedAt: string | null;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly syncRoles: readonly string[];
  readonly retiredAt: string | null;
  readonly barred: string | null;
}

/** The row and what it means at this moment. */
export interface GuardStatus {
  readonly row: GuardRow;
  /** The server has failed over since the row was confirmed: nobody may write. */
  readonly shut: boolean;
  /** The server's history as it is now, `<system identifier>/<timeline>`. */
  readonly history: string;
  /** It is fenced, and the fence no longer holds. */
  readonly pastDeadline: boolean;
  /** Statements that were refused, ever. */
  readonly refused: number;
  /** The database's clock, ISO 8601. */
  readonly now: string;
}

/** SQLSTATEs of the guard, of a class that PostgreSQL leaves to others. */
export const GUARD_STATES = {
  ST001: 'this side is closed: the other one is the owner',
  ST002: 'this side is fenced: the owner is just moving',
  ST003: 'the sync may write only where the side is closed',
  ST004: 'the server has failed over, and the owner is not confirmed yet',
  ST005: 'a table that stays the monolith\u2019s is written in the service\u2019s database by the sync only',
  ST006: 'the guard has no row',
  ST101: 'compare-and-set: the row is not what the caller saw',
  ST102: 'too late to flip: the deadline is near, or somebody has passed the fence',
  ST103: 'the ledger does not hold the fence marker',
  ST104: 'a standby has not flushed the fence',
  ST105: 'the guard has a hole',
  ST106: 'there is no guard here',
  ST107: 'this change of the row is none of the protocol\u2019s',
  ST108: 'the transaction is not READ COMMITTED',
  ST109: 'the guard only observes',
} as const;

export type GuardState = keyof typeof GUARD_STATES;

/** The SQLSTATE of an error, if it is one of the guard's. */
export function guardState(error: unknown): GuardState | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && Object.hasOwn(GUARD_STATES, code) ? (code as GuardState) : undefined;
}

/** How a change of a row is named by its caller: the row's epoch as it was read, and the attempt that this is part of. */
export interface Attempt {
  readonly capability: string;
  readonly epoch: number;
  readonly attempt: string;
}

/** open -> fenced, with a marker in the stream. Fails with 55P03 while a transaction that has written does not end. */
export function fence(query: Query, { capability, epoch, attempt }: Attempt, deadlineMs: number): Promise<GuardRow> {
  return change(query, "guard_fence($1, $2, $3, $4::float8 * interval '1 ms')", [
    capability,
    epoch,
    attempt,
    deadlineMs,
  ]);
}

/** fenced -> open, with the next epoch and an `open` marker. */
export function undo(query: Query, { capability, epoch, attempt }: Attempt): Promise<GuardRow> {
  return change(query, 'guard_undo($1, $2, $3)', [capability, epoch, attempt]);
}

/** fenced -> closed, with the next epoch: the decision. Refused (ST102) from `marginMs` before the deadline on. */
export function flip(query: Query, { capability, epoch, attempt }: Attempt, marginMs: number): Promise<GuardRow> {
  return change(query, "guard_flip($1, $2, $3, $4::float8 * interval '1 ms')", [capability, epoch, attempt, marginMs]);
}

/**
 * closed -> open on the other side. `epoch` is the one that the flip gave. Refused (ST103) until this side's ledger holds
 * the attempt's fence marker; fails with 55P03 while the sync is in a transaction.
 */
export function open(query: Query, { capability, epoch, attempt }: Attempt): Promise<GuardRow> {
  return change(query, 'guard_open($1, $2, $3)', [capability, epoch, attempt]);
}

/** Sends a marker that means nothing, to see whether the stream from this side arrives. */
export function probe(query: Query, capability: string, attempt: string): Promise<GuardRow> {
  return change(query, 'guard_probe($1, $2)', [capability, attempt]);
}

/** observe -> enforce, for good. */
export function enforce(query: Query, capability: string, epoch: number): Promise<GuardRow> {
  return change(query, 'guard_enforce($1, $2)', [capability, epoch]);
}

/** After a failover of the other side to this history: no opening of this side that was decided before it can happen. */
export function bar(
  query: Query,
  { capability, epoch, attempt }: Pick<GuardRow, 'capability' | 'epoch' | 'attempt'>,
  history: string,
): Promise<GuardRow> {
  return change(query, 'guard_bar($1, $2, $3, $4)', [capability, epoch, attempt, history]);
}

/** After a failover of this side: confirms its row in the new history, as `decide` says. */
export function reaffirm(
  query: Query,
  { capability, epoch, attempt }: Pick<GuardRow, 'capability' | 'epoch' | 'attempt'>,
  as: { readonly state: 'open' | 'closed'; readonly epoch: number; readonly attempt: string | null },
): Promise<GuardRow> {
  const values = [capability, epoch, attempt, as.state, as.epoch, as.attempt];
  return change(query, 'guard_reaffirm($1, $2, $3, $4, $5, $6)', values);
}

/** Ends both streams for good; on the service's side, as the owner. */
export function retire(query: Query, capability: string, epoch: number): Promise<GuardRow> {
  return change(query, 'guard_retire($1, $2)', [capability, epoch]);
}

/** Reads the row; undefined where there is no guard. This is what resolves a call whose outcome is unknown. */
export async function readGuard(query: Query, capability: string): Promise<GuardStatus | undefined> {
  const [there] = await query(`SELECT to_regclass('strangler.guard') IS NOT NULL AS present`, []);
  if (!there?.present) return undefined;
  const [row] = await query(
    `SELECT to_jsonb(s.it)::text AS row, s.shut, s.history, s.past_deadline, s.refused::text, to_jsonb(s.now)::text AS now
       FROM strangler.guard_status($1) AS s`,
    [capability],
  );
  if (row === undefined) return undefined;
  return {
    row: guardRow(row.row),
    shut: row.shut === true,
    history: String(row.history),
    pastDeadline: row.past_deadline === true,
    refused: Number(row.refused),
    now: JSON.parse(String(row.now)),
  };
}

async function change(query: Query, call: string, values: readonly unknown[]): Promise<GuardRow> {
  const [row] = await query(`SELECT to_jsonb(g)::text AS row FROM strangler.${call} AS g`, values);
  return guardRow(row?.row);
}

function guardRow(json: unknown): GuardRow {
  const row = JSON.parse(String(json)) as Record<string, unknown>;
  const named = Object.entries(row).map(([key, value]) => [
    key.replaceAll(/_(\w)/g, (_, c: string) => c.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(named) as GuardRow;
}
