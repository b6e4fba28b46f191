/** A place in PostgreSQL's write-ahead log: a byte offset, printed as `16/B374D848` (pg_lsn in its documentation). */
export type Lsn = bigint;

/** One uninterrupted history of a database cluster. Log positions of two epochs cannot be compared. */
export interface Epoch {
  /** `system_identifier` of `IDENTIFY_SYSTEM`: the cluster's number, given by initdb. */
  readonly systemId: string;
  /** Raised by every promotion of a standby and every point-in-time recovery. */
  readonly timeline: number;
}

/**
 * Where in a change stream we are. Only commits are ordered: a change's own LSN is not, as a row is logged before its
 * unique check waits, so that a later transaction may carry lower LSNs than an earlier one.
 */
export interface Position {
  readonly epoch: Epoch;
  /** Of an event: the LSN of its transaction's commit. Of a stream: every commit below it is applied. */
  readonly commitLsn: Lsn;
  /** Number of the event in its transaction, from 0. */
  readonly ordinal: number;
  /** Of a stream that comes by way of a log: the offset of the first message in it that is not done with. */
  readonly nextOffset?: bigint;
}

/** Parses PostgreSQL's printed form. @throws Error for anything else. */
export function parseLsn(text: string): Lsn {
  const parts = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  if (!parts) throw new Error(`not a log sequence number: ${JSON.stringify(text)}`);
  return (BigInt(`0x${parts[1]}`) << 32n) | BigInt(`0x${parts[2]}`);
}

/** PostgreSQL's printed form. */
export function formatLsn(lsn: Lsn): string {
  const half = (value: bigint) => value.toString(16).toUpperCase();
  return `${half(lsn >> 32n)}/${half(lsn & 0xffffffffn)}`;
}

/** Whether both are of one history. */
export function sameEpoch(a: Epoch, b: Epoch): boolean {
  return a.systemId === b.systemId && a.timeline === b.timeline;
}

/** Negative if `a` comes before `b`, 0 if they are the same place. @throws Error when they are of different epochs. */
export function comparePositions(a: Position, b: Position): number {
  if (!sameEpoch(a.epoch, b.epoch)) {
    throw new Error(`positions of different histories cannot be compared: ${formatPosition(a)}, ${formatPosition(b)}`);
  }
  if (a.commitLsn !== b.commitLsn) return a.commitLsn < b.commitLsn ? -1 : 1;
  return a.ordinal - b.ordinal;
}

/** For messages: `16/B374D848 #3 (timeline 1 of 7431...)`. */
export function formatPosition(position: Position): string {
  const { epoch, commitLsn, ordinal } = position;
  return `${formatLsn(commitLsn)} #${ordinal} (timeline ${epoch.timeline} of ${epoch.systemId})`;
}
