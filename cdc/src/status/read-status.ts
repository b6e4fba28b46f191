import type { DeadLetterCounts } from '../apply/dead-letters.ts';
import { readStreamRow } from '../apply/ledger.ts';
import { countLetters } from '../apply/settle-letters.ts';
import { readSlot, slotName } from '../capture/embedded/slot.ts';
import type { MigrationDatabases } from '../config.ts';
import { withConnection } from '../database/connect.ts';
import { describeError } from '../errors.ts';
import { formatLsn, parseLsn } from '../position.ts';

/** A stream as its two databases show it, whether or not its process lives. The keys are a contract. */
export interface StoredStatus {
  readonly capability: string;
  readonly direction: 'forward';
  /** `streaming`: a process reads the slot. `stopped`: none does. `not loaded`: there is no position yet. */
  readonly state: 'streaming' | 'stopped' | 'not loaded' | 'unknown';
  readonly position: string | null;
  readonly lag_bytes: number | null;
  /** Since the last change that was applied, while there is more to apply; 0 when there is not. */
  readonly lag_seconds: number | null;
  readonly slot: { readonly name: string; readonly retained_bytes: number | null; readonly safe_bytes: number | null };
  /** Null while it is not known. */
  readonly dead_letters: DeadLetterCounts | null;
  readonly notes: readonly string[];
}

const APPLICATION_NAME = 'strangler_status';

/** Bytes of log that a stream may be behind and still be called even: marks, checkpoints, other databases' writes. */
const IDLE_BYTES = 64 * 1024;

/** Reads both databases. A database that does not answer becomes a note. */
export async function readStatus({ migration, sourceUrl, targetUrl }: MigrationDatabases): Promise<StoredStatus> {
  const name = { capability: migration.capability, direction: 'forward' } as const;
  const notes: string[] = [];
  const ask = async <T>(what: string, work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      notes.push(`${what}: ${describeError(error)}`);
      return undefined;
    }
  };
  const target = await ask(
    'target',
    withConnection(targetUrl, APPLICATION_NAME, async (client) => ({
      stream: await readStreamRow(client, name),
      parked: await countLetters(client, name),
    })),
  );
  const stream = target?.stream;
  const source = await ask(
    'source',
    withConnection(sourceUrl, APPLICATION_NAME, async (client) => {
      const slot = await readSlot(client, slotName(name.capability));
      const { rows } = await client.query('SELECT pg_catalog.pg_current_wal_lsn()::text AS lsn');
      return { slot, end: parseLsn(rows[0].lsn) };
    }),
  );
  const lagBytes = stream && source ? Math.max(0, Number(source.end - stream.position.commitLsn)) : null;
  const behind = lagBytes !== null && lagBytes > IDLE_BYTES;
  const since = stream?.committedAtMs ?? null;
  if (stream && source && !source.slot) notes.push('the replication slot is gone: "cdc run" says what to do');
  if (source?.slot?.lost) notes.push(`the replication slot is lost (${source.slot.lost}): "cdc run" says what to do`);
  return {
    ...name,
    state:
      notes.length > 0 && !source ? 'unknown' : !stream ? 'not loaded' : source?.slot?.active ? 'streaming' : 'stopped',
    position: stream ? formatLsn(stream.position.commitLsn) : null,
    lag_bytes: lagBytes,
    lag_seconds: lagBytes === null ? null : behind ? (since === null ? null : (Date.now() - since) / 1_000) : 0,
    slot: {
      name: slotName(name.capability),
      retained_bytes: source?.slot?.retainedBytes ?? null,
      safe_bytes: source?.slot?.safeBytes ?? null,
    },
    dead_letters: target?.parked ?? null,
    notes,
  };
}
