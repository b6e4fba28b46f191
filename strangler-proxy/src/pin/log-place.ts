/** A place in the write-ahead log of one PostgreSQL server (its documentation, "Write-Ahead Log Internals"). */
export interface LogPlace {
  /**
   * The server's system identifier and timeline, as `7431-1`: places of two histories say nothing about each other, as
   * the log of a promoted standby or of a restored backup goes another way.
   */
  readonly history: string;
  /** Byte offset. */
  readonly lsn: bigint;
}

/** Whether whoever has everything up to `reached` has everything up to `place` too. */
export function covers(reached: LogPlace, place: LogPlace): boolean {
  return reached.history === place.history && reached.lsn >= place.lsn;
}

const PAGE_BYTES = 8192n;
const SEGMENT_BYTES = 16n * 1024n * 1024n;
const PAGE_HEADER_BYTES = 24n;
const SEGMENT_HEADER_BYTES = 40n;

/**
 * Where the log ends for its readers when the next record goes to `lsn`.
 *
 * `pg_current_wal_insert_lsn()` at the end of a page is behind the header of the next one, which is written with the next
 * record only. What reads the log stands at the end of the page until then, and has all there is.
 */
export function endOfRecords(lsn: bigint): bigint {
  if (lsn % SEGMENT_BYTES === SEGMENT_HEADER_BYTES) return lsn - SEGMENT_HEADER_BYTES;
  return lsn % PAGE_BYTES === PAGE_HEADER_BYTES ? lsn - PAGE_HEADER_BYTES : lsn;
}

/** Reads PostgreSQL's printed form, `16/B374D848`. @throws Error for anything else. */
export function parseLsn(text: string): bigint {
  const parts = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  if (parts === null) throw new Error(`not a place in a log: ${JSON.stringify(text)}`);
  return (BigInt(`0x${parts[1]}`) << 32n) | BigInt(`0x${parts[2]}`);
}
