import type pg from 'pg';
import { connect, disconnect } from '../../database/connect.ts';
import { StreamStop, sqlState } from '../../errors.ts';
import { type Epoch, type Lsn, type Position, parseLsn } from '../../position.ts';
import type { Direction } from '../../stream-name.ts';

/** A slot that was just made, the snapshot that belongs to it, and the session that keeps the snapshot alive. */
export interface NewSlot {
  /** Every commit below it is in the snapshot, every commit from it on is in the stream. */
  readonly position: Position;
  /** For `SET TRANSACTION SNAPSHOT`, until `release`. */
  readonly snapshot: string;
  release(): Promise<void>;
}

/** What `pg_replication_slots` says about a slot of ours. */
export interface SlotState {
  readonly active: boolean;
  readonly confirmed: Lsn;
  /** Log kept back for it, in bytes. */
  readonly retainedBytes: number;
  /** How much more may be kept back before the slot is lost, in bytes; null when there is no limit. */
  readonly safeBytes: number | null;
  /** It came to this server from another one that was its primary then (PostgreSQL 17). */
  readonly synchronised: boolean;
  /** Standbys are to have it too, so that it is there after a failover; undefined where the server knows no such thing. */
  readonly failover: boolean | undefined;
  /** Why the slot can never be used again; undefined while it can. */
  readonly lost: string | undefined;
}

/** The name of a slot, and of a publication: lower case, digits and underscores, at most 63 characters. */
export function slotName(capability: string, direction: Direction = 'forward'): string {
  const end = direction === 'forward' ? '' : '_reverse';
  return `strangler_${capability.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`.slice(0, 63 - end.length) + end;
}

/** The history that a server is on. */
export async function identifySystem(url: string, applicationName: string): Promise<Epoch> {
  const client = await connect(url, { applicationName, replication: true });
  try {
    const { rows } = await client.query('IDENTIFY_SYSTEM');
    return { systemId: String(rows[0].systemid), timeline: Number(rows[0].timeline) };
  } finally {
    await disconnect(client);
  }
}

/**
 * Creates a slot with an exported snapshot. It waits for every transaction that is writing at this moment.
 *
 * @throws {StreamStop} `settings` or `denied`.
 */
export async function createSlot(url: string, applicationName: string, name: string, epoch: Epoch): Promise<NewSlot> {
  const client = await connect(url, { applicationName, replication: true });
  try {
    const failover = (await knowsFailover(client)) ? ', FAILOVER true' : '';
    const { rows } = await client.query(
      `CREATE_REPLICATION_SLOT "${name}" LOGICAL pgoutput (SNAPSHOT 'export'${failover})`,
    );
    const commitLsn = parseLsn(rows[0].consistent_point);
    return {
      position: { epoch, commitLsn, ordinal: 0 },
      snapshot: rows[0].snapshot_name,
      release: () => disconnect(client),
    };
  } catch (error) {
    await disconnect(client);
    throw explainSlotError(error);
  }
}

/** Whether slots can be told to go along to standbys: from PostgreSQL 17 on. */
async function knowsFailover(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(`SELECT current_setting('server_version_num')::int >= 170000 AS knows`);
  return rows[0].knows;
}

/** Tells a slot that an older version made to go along to standbys. Nobody may be reading it. */
export async function keepForFailover(url: string, client: pg.Client, name: string): Promise<void> {
  const slot = await readSlot(client, name);
  if (slot?.failover !== false || slot.active) return;
  const replication = await connect(url, { applicationName: name, replication: true });
  try {
    await replication.query(`ALTER_REPLICATION_SLOT "${name}" (FAILOVER true)`);
  } finally {
    await disconnect(replication);
  }
}

/** Removes a slot that nothing refers to; waits a moment for a reader that was killed. */
export async function dropSlot(client: pg.Client, name: string): Promise<void> {
  await client.query(
    `SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots
     WHERE slot_name = $1 AND database = current_database()`,
    [name],
  );
}

/**
 * The state of the slot; undefined if there is none.
 *
 * @throws {StreamStop} `slot-elsewhere` when the name belongs to something that is not ours.
 */
export async function readSlot(client: pg.Client, name: string): Promise<SlotState | undefined> {
  const { rows } = await client.query(
    `SELECT active, plugin, database = current_database() AS here, database, confirmed_flush_lsn::text AS confirmed,
       coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn), 0)::float8 AS retained,
       safe_wal_size::float8 AS safe, wal_status, to_jsonb(s) ->> 'invalidation_reason' AS reason,
       (to_jsonb(s) ->> 'synced')::boolean AS synced, (to_jsonb(s) ->> 'failover')::boolean AS failover
     FROM pg_catalog.pg_replication_slots s WHERE slot_name = $1`,
    [name],
  );
  const row = rows[0];
  if (!row) return undefined;
  if (!row.here || row.plugin !== 'pgoutput') {
    throw new StreamStop(
      'slot-elsewhere',
      `the replication slot ${name} exists, but it is of database ${row.database} with plugin ${row.plugin}`,
      'Slot names are one per server. Name the capability differently, or drop that slot if nothing uses it.',
    );
  }
  return {
    active: row.active,
    confirmed: row.confirmed ? parseLsn(row.confirmed) : 0n,
    retainedBytes: row.retained,
    safeBytes: row.safe,
    synchronised: row.synced ?? false,
    failover: row.failover ?? undefined,
    lost: row.wal_status === 'lost' || row.reason ? (row.reason ?? 'wal_removed') : undefined,
  };
}

/** How to begin again from nothing, which is always a person's decision. */
export const AFRESH = (name: string) =>
  `To begin afresh: on the target empty the tables of the capability and delete its row of strangler.stream; on the source run SELECT pg_drop_replication_slot('${name}') if the slot is still there; the next start loads everything again.`;

function explainSlotError(error: unknown): unknown {
  const state = sqlState(error);
  if (state === '55000') {
    return new StreamStop(
      'settings',
      `the source cannot decode its log: ${(error as Error).message}`,
      "Run ALTER SYSTEM SET wal_level = 'logical'; and restart the source's server.",
      error,
    );
  }
  if (state === '42501') {
    return new StreamStop(
      'denied',
      `the role that connects to the source may not replicate: ${(error as Error).message}`,
      'As a superuser of the source, run: ALTER ROLE <that role> REPLICATION; ("cdc roles" prints all that it needs).',
      error,
    );
  }
  if (state === '53400') {
    return new StreamStop(
      'settings',
      'every replication slot of the source is taken',
      'Raise max_replication_slots and restart the source, or drop slots that nothing uses (pg_replication_slots).',
      error,
    );
  }
  return error;
}
