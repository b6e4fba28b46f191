import { hash } from 'node:crypto';
import type pg from 'pg';
import { sqlState } from '../errors.ts';
import { joinKey, type Key, type Range, type SideReader, splitKey } from './read.ts';

/** Both sides of one table, and the two sessions that they are read on. */
export interface Sides {
  readonly sourceClient: pg.Client;
  readonly targetClient: pg.Client;
  readonly source: SideReader;
  readonly target: SideReader;
  /** How many columns make the key. */
  readonly keyWidth: number;
  /** SQL can say each row of both; where not, rows travel and are compared here. */
  readonly digestible: boolean;
}

/** What one slice of a table showed. */
export interface Slice {
  /** Where the next one begins; undefined after the last. */
  readonly upTo: Key | undefined;
  /** Rows of the larger side. */
  readonly rows: number;
  /** Keys whose rows are not the same in the two snapshots: not yet a difference. */
  readonly suspects: readonly Key[];
}

/** Below this many rows a range that differs is no longer halved: its rows' hashes are fetched. */
const LEAF_ROWS = 1_000;

/**
 * Compares the keys above `after`, at most about `rows` of them on either side, in a short read-only snapshot of each
 * database. The snapshots are of two moments and the target's is behind: what differs is only suspect.
 */
export async function compareSlice(sides: Sides, after: Key | undefined, rows: number): Promise<Slice> {
  return inSnapshots(sides, async () => {
    const upTo = await sliceEnd(sides, after, rows);
    const range = { after, upTo };
    if (sides.digestible) {
      const digested = await refusable(sides, () => bisect(sides, range));
      if (digested) return { upTo, ...digested };
    }
    return { upTo, ...(await compareRows(sides, range)) };
  });
}

/** Runs `work` with one snapshot on each side. */
async function inSnapshots<T>(sides: Sides, work: () => Promise<T>): Promise<T> {
  const both = (sql: string) => Promise.all([sides.sourceClient.query(sql), sides.targetClient.query(sql)]);
  await both('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    return await work();
  } finally {
    await both('ROLLBACK').catch(() => {});
  }
}

/**
 * So many keys on, by the source; earlier if the target has more rows than that up to there. Where only digests travel,
 * extra rows in the middle cost no more than their digest; behind the source's end there may be any number of them.
 */
async function sliceEnd(sides: Sides, after: Key | undefined, rows: number): Promise<Key | undefined> {
  const upTo = await sides.source.nthKey({ after, upTo: undefined }, rows - 1);
  if (upTo && sides.digestible) return upTo;
  return (await sides.target.nthKey({ after, upTo }, rows)) ?? upTo;
}

/** A value that a codec refuses fails the whole statement: undefined, and then the rows say which one it is. */
async function refusable<T>({ sourceClient, targetClient }: Sides, work: () => Promise<T>): Promise<T | undefined> {
  const both = (sql: string) => Promise.all([sourceClient.query(sql), targetClient.query(sql)]);
  await both('SAVEPOINT digest');
  try {
    return await work();
  } catch (error) {
    if (!sqlState(error)?.startsWith('22')) throw error;
    await both('ROLLBACK TO SAVEPOINT digest');
    return undefined;
  }
}

type Compared = Omit<Slice, 'upTo'>;

/** Halves what differs until the rows that do are few. */
async function bisect(sides: Sides, range: Range): Promise<Compared> {
  const [source, target] = await bothSides(sides, (side) => side.digest(range));
  const rows = Math.max(source.rows, target.rows);
  if (source.rows === target.rows && source.sum === target.sum) return { rows, suspects: [] };
  const larger = source.rows >= target.rows ? sides.source : sides.target;
  const middle = rows > LEAF_ROWS ? await larger.nthKey(range, Math.floor(rows / 2)) : undefined;
  if (!middle) {
    return { rows, suspects: unlike(sides, await bothSides(sides, (side) => side.hashes(range))) };
  }
  const below = await bisect(sides, { after: range.after, upTo: middle });
  const above = await bisect(sides, { after: middle, upTo: range.upTo });
  return { rows, suspects: [...below.suspects, ...above.suspects] };
}

/** The same by rows that travel; of each only a digest is kept. */
async function compareRows(sides: Sides, range: Range): Promise<Compared> {
  const [source, target] = await bothSides(sides, async (side) => {
    const digests = new Map<string, string>();
    await side.rows(range, (key, values) => {
      const text = values instanceof Error ? `cannot be carried: ${values.message}` : JSON.stringify(values);
      digests.set(joinKey(key), hash('sha1', text, 'base64'));
    });
    return digests;
  });
  return { rows: Math.max(source.size, target.size), suspects: unlike(sides, [source, target]) };
}

function unlike(
  sides: Sides,
  [source, target]: readonly [ReadonlyMap<string, string>, ReadonlyMap<string, string>],
): readonly Key[] {
  const keys: Key[] = [];
  for (const [key, digest] of source) if (target.get(key) !== digest) keys.push(splitKey(key, sides.keyWidth));
  for (const key of target.keys()) if (!source.has(key)) keys.push(splitKey(key, sides.keyWidth));
  return keys;
}

/** Both at once; a failure of one does not leave the other's query behind. */
async function bothSides<T>(sides: Sides, ask: (side: SideReader) => Promise<T>): Promise<readonly [T, T]> {
  const [source, target] = await Promise.allSettled([ask(sides.source), ask(sides.target)]);
  if (source.status === 'rejected') throw source.reason;
  if (target.status === 'rejected') throw target.reason;
  return [source.value, target.value];
}
