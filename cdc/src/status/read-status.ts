import type { DeadLetterCounts } from '../apply/dead-letters.ts';
import { type GateState, readGate } from '../apply/gate.ts';
import { readStreamRow } from '../apply/ledger.ts';
import { countLetters } from '../apply/settle-letters.ts';
import { readSlot } from '../capture/embedded/slot.ts';
import type { MigrationDatabases } from '../config.ts';
import { withConnection } from '../database/connect.ts';
import { unlessAbsent } from '../database/unless-absent.ts';
import { courseOf, type StreamCourse } from '../direction.ts';
import { describeError } from '../errors.ts';
import { formatLsn, parseLsn } from '../position.ts';
import type { Direction } from '../stream-name.ts';

/** A stream as its two databases show it, whether or not its process lives. The keys are a contract. */
export interface StoredStatus {
  readonly capability: string;
  readonly direction: Direction;
  /** `streaming`: a process reads the slot. `stopped`: none does. `not loaded`: there is no position yet. */
  readonly state: 'streaming' | 'stopped' | 'not loaded' | 'unknown';
  readonly position: string | null;
  readonly lag_bytes: number | null;
  /** Since the last change that was applied, while there is more to apply; 0 when there is not. */
  readonly lag_seconds: number | null;
  readonly slot: { readonly name: string; readonly retained_bytes: number | null; readonly safe_bytes: number | null };
  /** Null while it is not known. */
  readonly dead_letters: DeadLetterCounts | null;
  /** Whether the source may write the capability's tables, and of which epoch that is; null while it is not known. */
  readonly gate: { readonly state: GateState; readonly epoch: string } | null;
  /** Writes of a side that did not own the table, since the stream began: kept, not applied. Null while not known. */
  readonly rogue_writes: number | null;
  readonly notes: readonly string[];
}

const APPLICATION_NAME = 'strangler_status';

/** Bytes of log that a stream may be behind and still be called even: marks, checkpoints, other databases' writes. */
const IDLE_BYTES = 64 * 1024;

/** Both streams of a capability; the reverse one only once it has begun. */
export async function readStatus(databases: MigrationDatabases): Promise<readonly StoredStatus[]> {
  const [forward, reverse] = await Promise.all(
    (['forward', 'reverse'] as const).map((direction) => readStream(courseOf(databases, direction))),
  );
  return reverse!.state === 'not loaded' || reverse!.state === 'unknown' ? [forward!] : [forward!, reverse!];
}

/** Reads both databases of a stream. One that does not answer becomes a note. */
async function readStream({ name, slot, sourceUrl, targetUrl }: StreamCourse): Promise<StoredStatus> {
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
      gate: await unlessAbsent(readGate(client, name)),
    })),
  );
  const stream = target?.stream;
  const source = await ask(
    'source',
    withConnection(sourceUrl, APPLICATION_NAME, async (client) => {
      const state = await readSlot(client, slot);
      const { rows } = await client.query('SELECT pg_catalog.pg_current_wal_lsn()::text AS lsn');
      return { slot: state, end: parseLsn(rows[0].lsn) };
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
      name: slot,
      retained_bytes: source?.slot?.retainedBytes ?? null,
      safe_bytes: source?.slot?.safeBytes ?? null,
    },
    dead_letters: target?.parked ?? null,
    gate: target?.gate && stream ? { state: target.gate.state, epoch: target.gate.epoch } : null,
    rogue_writes: target?.gate?.rogueWrites ?? null,
    notes,
  };
}
