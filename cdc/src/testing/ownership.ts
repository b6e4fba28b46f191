import { randomUUID } from 'node:crypto';
import type { Direction } from '../stream-name.ts';
import { type Stores, until } from './stores.ts';

/** The two tables of a guard, without what keeps writers out: what the streams go by. Test code only. */
const GUARD_SQL = `CREATE SCHEMA IF NOT EXISTS strangler;
CREATE TABLE strangler.guard (capability text PRIMARY KEY, side text NOT NULL, mode text NOT NULL DEFAULT 'enforce',
  state text NOT NULL, epoch bigint NOT NULL DEFAULT 1, attempt uuid, deadline timestamptz, opened_at timestamptz,
  retired_at timestamptz);
CREATE TABLE strangler.marker (capability text NOT NULL, epoch bigint NOT NULL, attempt uuid, kind text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp())`;

/** A guard's rows in both databases: the monolith owns, epoch 1. */
export async function installGuard({ capability, source, target }: Stores): Promise<void> {
  for (const [client, side, state] of [
    [source, 'monolith', 'open'],
    [target, 'service', 'closed'],
  ] as const) {
    await client.query(GUARD_SQL);
    await client.query('INSERT INTO strangler.guard (capability, side, state) VALUES ($1, $2, $3)', [
      capability,
      side,
      state,
    ]);
  }
}

/** A move of the ownership, step by step, as the workflow makes it. */
export interface Move {
  readonly attempt: string;
  fence(): Promise<void>;
  /** Resolves once the fence's marker is in the new side's ledger. */
  drained(): Promise<void>;
  flip(): Promise<void>;
  open(): Promise<void>;
  /** Instead of the flip. */
  undo(): Promise<void>;
}

/** @param direction The direction in which the old owner's rows flow. */
export function beginMove({ capability, source, target }: Stores, direction: Direction, epoch: number): Move {
  const attempt = randomUUID();
  const [old, next] = direction === 'forward' ? [source, target] : [target, source];
  const change = (client: typeof old, state: string, to: number, kind?: 'fence' | 'open') =>
    client.query(
      `BEGIN; UPDATE strangler.guard SET state = '${state}', epoch = ${to}, attempt = '${attempt}'
         WHERE capability = '${capability}';
       ${kind ? `INSERT INTO strangler.marker (capability, epoch, attempt, kind) VALUES ('${capability}', ${to}, '${attempt}', '${kind}');` : ''}
       COMMIT`,
    );
  return {
    attempt,
    fence: async () => void (await change(old, 'fenced', epoch, 'fence')),
    drained: async () => {
      await until('the fence has arrived', async () => {
        const { rowCount } = await next.query(
          `SELECT FROM strangler.stream_marker WHERE capability = $1 AND direction = $2 AND attempt = $3 AND kind = 'fence'`,
          [capability, direction, attempt],
        );
        return rowCount === 1;
      });
    },
    flip: async () => void (await change(old, 'closed', epoch + 1)),
    open: async () => void (await change(next, 'open', epoch + 1, 'open')),
    undo: async () => void (await change(old, 'open', epoch + 1, 'open')),
  };
}

/** All steps of it. */
export async function moveOwner(stores: Stores, direction: Direction, epoch: number): Promise<void> {
  const move = beginMove(stores, direction, epoch);
  await move.fence();
  await move.drained();
  await move.flip();
  await move.open();
}
