import type pg from 'pg';
import type { ChangeEvent } from './change-event.ts';
import { unlessAbsent } from './database/unless-absent.ts';

/** The table whose rows say, in order with all others, when a side was opened and fenced; made with the guard. */
export const MARKER_TABLE = 'strangler.marker';

/** One row of {@link MARKER_TABLE}. */
export interface Marker {
  readonly capability: string;
  readonly kind: 'fence' | 'open' | 'probe';
  readonly epoch: string;
  readonly attempt: string | null;
}

/** The marker that an event brings; undefined for what is none (a row that is deleted to tidy up, say). */
export function readMarker({ op, after }: ChangeEvent): Marker | undefined {
  if (op !== 'c' || !after) return undefined;
  const { capability, kind, epoch, attempt = null } = after;
  if (!capability || !epoch || (kind !== 'fence' && kind !== 'open' && kind !== 'probe')) return undefined;
  return { capability, kind, epoch, attempt };
}

/** What a database's guard says of a capability: the part that change data capture goes by. */
export interface Ownership {
  readonly state: 'open' | 'fenced' | 'closed';
  readonly epoch: string;
  readonly retired: boolean;
}

/** Reads the guard's row; undefined where there is none, or no guard at all. */
export async function readOwnership(client: pg.Client, capability: string): Promise<Ownership | undefined> {
  const result = await unlessAbsent(
    client.query(
      `SELECT state::text AS state, epoch::text AS epoch, retired_at IS NOT NULL AS retired
       FROM strangler.guard WHERE capability = $1`,
      [capability],
    ),
  );
  return result?.rows[0];
}

/** Who owns a capability, and since which decision; the monolith until a guard says otherwise. */
export interface Owner {
  readonly side: 'monolith' | 'service';
  /** Of the service's guard row: another one means that the ownership may have moved in between. */
  readonly epoch: string;
}

/** Reads it in the service's database, whose row is open from the moment on at which it is the owner. */
export async function readOwner(service: pg.Client, capability: string): Promise<Owner> {
  const guard = await readOwnership(service, capability);
  return { side: guard && guard.state !== 'closed' ? 'service' : 'monolith', epoch: guard?.epoch ?? '1' };
}
