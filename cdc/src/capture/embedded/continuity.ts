import type pg from 'pg';
import { connect, disconnect } from '../../database/connect.ts';
import { StreamStop } from '../../errors.ts';
import { type Epoch, formatLsn, formatPosition, type Lsn, type Position, parseLsn, sameEpoch } from '../../position.ts';
import { AFRESH, readSlot, type SlotState } from './slot.ts';

/**
 * Proves that the slot goes on exactly where the target's position ends, on the source as it is now.
 *
 * A source that failed over is another timeline of the same cluster. The stream goes on there if the slot came along,
 * synchronised to the standby that was promoted, and if that standby had everything that the target has.
 *
 * A log between, which others fill, is not followed there: it may hold what the new primary has forgotten.
 *
 * @returns The position as a place of the source's present history.
 * @throws {StreamStop} whenever a change may have been missed. There is no silent second load.
 */
export async function verifyContinuity(
  source: { readonly client: pg.Client; readonly url: string },
  name: string,
  here: Epoch,
  stored: Position,
  reader: 'ourselves' | 'a log between' = 'ourselves',
): Promise<{ readonly position: Position; readonly slot: SlotState }> {
  const failedOver = !sameEpoch(here, stored.epoch);
  if (failedOver) await verifyHistory(source.url, name, here, stored, reader);
  const slot = await readSlot(source.client, name);
  if (!slot) {
    throw new StreamStop(
      'slot-missing',
      failedOver
        ? `the source has failed over to timeline ${here.timeline}, and the replication slot ${name} did not come along; the changes since ${formatLsn(stored.commitLsn)} cannot be fetched`
        : `the replication slot ${name} is gone, and with it the changes since ${formatLsn(stored.commitLsn)}`,
      AFRESH(name),
    );
  }
  if (slot.lost !== undefined) {
    throw new StreamStop(
      'slot-lost',
      `PostgreSQL has invalidated the replication slot ${name} (${slot.lost}); changes since ${formatLsn(stored.commitLsn)} are gone`,
      `Raise max_slot_wal_keep_size so that it outlasts the longest outage. ${AFRESH(name)}`,
    );
  }
  if (failedOver && !slot.synchronised) {
    throw new StreamStop(
      'slot-missing',
      `the source has failed over to timeline ${here.timeline}, and its replication slot ${name} was made there: it is not the one that the stream came from`,
      AFRESH(name),
    );
  }
  // What reads the slot into a log confirms what is in the log, which the target may not have yet.
  if (reader === 'ourselves' && slot.confirmed > stored.commitLsn) {
    throw new StreamStop(
      'slot-ahead',
      `the replication slot ${name} was confirmed up to ${formatLsn(slot.confirmed)}, but the target holds only what came before ${formatLsn(stored.commitLsn)}`,
      `Either something else reads this slot, or the target was restored from a backup. ${AFRESH(name)}`,
    );
  }
  const { rows } = await source.client.query('SELECT pg_catalog.pg_current_wal_lsn()::text AS lsn');
  if (parseLsn(rows[0].lsn) < stored.commitLsn) {
    throw new StreamStop(
      'source-behind',
      `the source's log ends at ${rows[0].lsn}, before the target's position ${formatLsn(stored.commitLsn)}: the source has been set back`,
      `Connect to the server that the stream came from. ${AFRESH(name)}`,
    );
  }
  return { position: { ...stored, epoch: here }, slot };
}

/** Proves that the stored position lies on the present timeline's own past, before it left the other one. */
async function verifyHistory(
  url: string,
  name: string,
  here: Epoch,
  stored: Position,
  reader: 'ourselves' | 'a log between',
): Promise<void> {
  const followed = reader === 'ourselves' && here.systemId === stored.epoch.systemId;
  const left = followed ? await whereLeft(url, name, here, stored.epoch) : undefined;
  if (left === undefined) {
    throw new StreamStop(
      'other-history',
      `the source is timeline ${here.timeline} of ${here.systemId}, but the target holds ${formatPosition(stored)}`,
      `Connect to the server that the stream came from. ${AFRESH(name)}`,
    );
  }
  if (left < stored.commitLsn) {
    throw new StreamStop(
      'source-behind',
      `the source has failed over to timeline ${here.timeline}, which begins at ${formatLsn(left)}, before the target's position ${formatLsn(stored.commitLsn)}: the target has changes that the source has forgotten`,
      `"npx cdc verify" against the old primary, if it can be reached, tells which. ${AFRESH(name)} From then on let no change out before the standby has it: synchronized_standby_slots.`,
    );
  }
}

/** Where the present timeline left another one; undefined when that is not in its past. */
async function whereLeft(url: string, applicationName: string, here: Epoch, other: Epoch): Promise<Lsn | undefined> {
  if (here.timeline <= other.timeline) return undefined;
  const client = await connect(url, { applicationName, replication: true });
  try {
    const { rows } = await client.query(`TIMELINE_HISTORY ${here.timeline}`);
    return parseTimelineHistory(String(rows[0].content)).get(other.timeline);
  } finally {
    await disconnect(client);
  }
}

/** Timeline -> where it was left, of a history file: lines of `1<tab>0/3000000<tab>reason`, with comments. */
export function parseTimelineHistory(content: string): ReadonlyMap<number, Lsn> {
  const left = new Map<number, Lsn>();
  for (const line of content.split('\n')) {
    const [timeline, lsn] = line.trim().split(/\s+/);
    if (timeline && lsn && /^\d+$/.test(timeline)) left.set(Number(timeline), parseLsn(lsn));
  }
  return left;
}
