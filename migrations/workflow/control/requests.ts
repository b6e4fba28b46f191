import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Check } from '../cutover/prepare.ts';

export type RequestKind = 'cutover' | 'rollback';

/** What somebody asks for. */
export interface NewRequest {
  readonly capability: string;
  readonly kind: RequestKind;
  readonly through: 'command' | 'flag';
  readonly who: string;
  readonly why: string;
  /** Checks that this person takes the responsibility for. */
  readonly forced: readonly string[];
}

/** A request, and how far it is. Its id is the attempt's. */
export interface ControlRequest extends NewRequest {
  readonly id: string;
  readonly state: 'waiting' | 'running' | 'done' | 'refused' | 'undone';
  readonly step: string | null;
  readonly checks: readonly Check[];
  /** One sentence about how it ended. */
  readonly said: string | null;
  readonly figures: Readonly<Record<string, number>>;
  readonly asked_at: string;
  readonly ended_at: string | null;
}

/** There is one under way already. */
export class RequestBusy extends Error {
  override readonly name = 'RequestBusy';
}

/** Files a request. @throws {RequestBusy} if one of this capability has not ended. */
export async function fileRequest(pool: pg.Pool, request: NewRequest): Promise<string> {
  const id = randomUUID();
  const { capability, kind, through, who, why, forced } = request;
  const { rowCount } = await pool.query(
    `INSERT INTO control.request (id, capability, kind, through, who, why, forced)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [id, capability, kind, through, who, why, forced],
  );
  if (rowCount === 0) throw new RequestBusy(`a change of the owner of ${capability} is under way already`);
  return id;
}

/** The request that has not ended, if there is one. */
export async function openRequest(pool: pg.Pool, capability: string): Promise<ControlRequest | undefined> {
  const { rows } = await pool.query(
    `SELECT * FROM control.request WHERE capability = $1 AND state IN ('waiting', 'running')`,
    [capability],
  );
  return rows[0] && toRequest(rows[0]);
}

export async function readRequest(pool: pg.Pool, id: string): Promise<ControlRequest | undefined> {
  const { rows } = await pool.query('SELECT * FROM control.request WHERE id = $1', [id]);
  return rows[0] && toRequest(rows[0]);
}

/** The last one that has ended. */
export async function lastRequest(pool: pg.Pool, capability: string): Promise<ControlRequest | undefined> {
  const { rows } = await pool.query(
    `SELECT * FROM control.request WHERE capability = $1 AND ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1`,
    [capability],
  );
  return rows[0] && toRequest(rows[0]);
}

export async function beginRequest(pool: pg.Pool, id: string): Promise<void> {
  await pool.query(`UPDATE control.request SET state = 'running' WHERE id = $1`, [id]);
}

export async function stepRequest(pool: pg.Pool, id: string, step: string): Promise<void> {
  await pool.query('UPDATE control.request SET step = $2 WHERE id = $1', [id, step]);
}

/** Tells who waits for it what it waits for. */
export async function troubleRequest(pool: pg.Pool, id: string, said: string): Promise<void> {
  await pool.query(`UPDATE control.request SET said = $2 WHERE id = $1 AND state = 'running'`, [id, said]);
}

export async function endRequest(
  pool: pg.Pool,
  id: string,
  end: Pick<ControlRequest, 'state' | 'checks' | 'said' | 'figures'>,
): Promise<void> {
  await pool.query(
    `UPDATE control.request SET state = $2, checks = $3, said = $4, figures = $5, ended_at = now() WHERE id = $1`,
    [id, end.state, JSON.stringify(end.checks), end.said, JSON.stringify(end.figures)],
  );
}

function toRequest(row: Record<string, unknown>): ControlRequest {
  const { asked_at, ended_at, ...rest } = row as unknown as ControlRequest & { asked_at: Date; ended_at: Date | null };
  return { ...rest, asked_at: asked_at.toISOString(), ended_at: ended_at?.toISOString() ?? null };
}
