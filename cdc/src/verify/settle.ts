import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Text } from 'strangler-migrations/define';
import type { StreamName } from '../stream-name.ts';
import type { ComparedTable } from './compared-table.ts';
import type { FoundRow, Key } from './read.ts';
import type { Sides } from './slice.ts';

/** A row that is not as it has to be. */
export interface Difference {
  /** `missing`: only in the source. `extra`: only in the target. `different`: in both, and not the same. */
  readonly kind: 'missing' | 'extra' | 'different';
  readonly key: Key;
  /** Of `different`: the target's columns that differ. */
  readonly columns: readonly string[];
  /** Why the mapping cannot carry the source's row, if it cannot. */
  readonly reason?: string;
}

/** What became of suspect rows. */
export interface Settled {
  readonly differences: readonly Difference[];
  /** Rows that changed each time they were looked at, or that the stream did not come to. */
  readonly unsettled: readonly Key[];
  /** The stream did not pass the moment at which rows were read: that is why some are unsettled. */
  readonly stoodStill: boolean;
}

/** How the stream of a capability is asked how far it is. */
export interface AppliedPosition {
  /** The end of the source's log now: everything that a snapshot taken before shows was committed below it. */
  sourceEnd(): Promise<string>;
  /** Waits until everything below is applied; false when the stream does not get there in time. */
  passed(lsn: string): Promise<boolean>;
}

/** Rows that are read in full at one time. */
const CHUNK = 200;
/** How often a row that keeps changing is looked at again. */
const ROUNDS = 8;

/**
 * Looks at suspect rows again until each is equal, a difference beyond doubt, or given up.
 *
 * Of a round: the target is read, then the source; then the stream has to pass the moment of that reading; then both are
 * read again. The stream writes a target row for each change of its source row. So a *target* row that is still the same
 * version has had all changes that the first reading of the source showed, and has to equal it. And a *source* row that is
 * still the same version is what the target has to hold, as all that led to it is applied. If neither stood still,
 * nothing is known, and the next round begins.
 */
export async function settle(
  table: ComparedTable,
  sides: Sides,
  suspects: readonly Key[],
  stream: AppliedPosition,
  signal?: AbortSignal,
): Promise<Settled> {
  const differences: Difference[] = [];
  let open = suspects;
  let stoodStill = false;
  for (let round = 0; round < ROUNDS && open.length > 0 && !signal?.aborted; round++) {
    if (round > 0) await sleep(Math.min(10 * 2 ** round, 500));
    const first = await glance(sides, open);
    stoodStill = !(await stream.passed(await stream.sourceEnd()));
    if (stoodStill) break;
    const next: Key[] = [];
    for (let from = 0; from < open.length; from += CHUNK) {
      const keys = open.slice(from, from + CHUNK);
      const target = await sides.target.find(keys);
      const source = await sides.source.find(keys);
      for (const [index, key] of keys.entries()) {
        const verdict = judge(table, first[from + index]!, { source: source[index], target: target[index] });
        if (verdict === 'again') next.push(key);
        else if (verdict !== 'equal') differences.push({ key, ...verdict });
      }
    }
    open = next;
  }
  return { differences, unsettled: open, stoodStill };
}

/** What is remembered of a row between two readings. */
interface Glance {
  readonly sourceVersion: string | undefined;
  readonly targetVersion: string | undefined;
  readonly equal: boolean;
}

interface Both {
  readonly source: FoundRow | undefined;
  readonly target: FoundRow | undefined;
}

async function glance(sides: Sides, keys: readonly Key[]): Promise<Glance[]> {
  const glances: Glance[] = [];
  for (let from = 0; from < keys.length; from += CHUNK) {
    const chunk = keys.slice(from, from + CHUNK);
    // The order matters: whatever the target shows was committed in the source before the source is read.
    const target = await sides.target.find(chunk);
    const source = await sides.source.find(chunk);
    for (const index of chunk.keys()) {
      glances.push({
        sourceVersion: source[index]?.version,
        targetVersion: target[index]?.version,
        equal: areEqual({ source: source[index], target: target[index] }),
      });
    }
  }
  return glances;
}

function judge(table: ComparedTable, first: Glance, last: Both): Omit<Difference, 'key'> | 'equal' | 'again' {
  if (areEqual(last)) return 'equal';
  const { source, target } = last;
  const sourceStood = source !== undefined && source.version === first.sourceVersion;
  const targetStood = target !== undefined && target.version === first.targetVersion && !first.equal;
  if (source === undefined) {
    // A row that is absent has no version: it may have come and gone. Only the other one tells.
    return targetStood && first.sourceVersion === undefined ? { kind: 'extra', columns: [] } : 'again';
  }
  if (target === undefined) return sourceStood ? { kind: 'missing', columns: [], ...reasonOf(source) } : 'again';
  if (!sourceStood && !(targetStood && first.sourceVersion !== undefined)) return 'again';
  return { kind: 'different', columns: columnsThatDiffer(table, source, target), ...reasonOf(source) };
}

function areEqual({ source, target }: Both): boolean {
  if (source === undefined || target === undefined) return source === target;
  if (source.values instanceof Error || target.values instanceof Error) return false;
  const other: readonly Text[] = target.values;
  return source.values.every((value, index) => value === other[index]);
}

function columnsThatDiffer(table: ComparedTable, source: FoundRow, target: FoundRow): readonly string[] {
  const [left, right] = [source.values, target.values];
  if (left instanceof Error || right instanceof Error) return [];
  return table.columns.filter((_, index) => left[index] !== right[index]);
}

function reasonOf(source: FoundRow): { reason?: string } {
  return source.values instanceof Error ? { reason: source.values.message } : {};
}

/** Reads the stream's position where the apply writes it down, in the transaction of the rows. */
export function appliedPosition(
  clients: { readonly source: pg.Client; readonly target: pg.Client },
  { capability, direction }: StreamName,
  waitMs: number,
): AppliedPosition {
  const read = async (lsn: string) => {
    const { rows } = await clients.target.query(
      `SELECT lsn::text AS lsn, lsn >= $3::pg_lsn AS passed FROM strangler.stream
       WHERE capability = $1 AND direction = $2`,
      [capability, direction, lsn],
    );
    return rows[0] as { readonly lsn: string; readonly passed: boolean } | undefined;
  };
  return {
    async sourceEnd() {
      const { rows } = await clients.source.query('SELECT pg_catalog.pg_current_wal_insert_lsn()::text AS lsn');
      return rows[0].lsn;
    },
    async passed(lsn) {
      // The wait is for a stream that stands still, not for one that is far behind: each step begins it anew.
      let last: string | undefined;
      let deadline = performance.now() + waitMs;
      let askAt = -Infinity;
      for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 250)) {
        const position = await read(lsn);
        if (position?.passed) return true;
        if (position?.lsn !== last) deadline = performance.now() + waitMs;
        if (performance.now() > deadline) return false;
        if (performance.now() >= askAt) {
          await askToSettle(clients.source);
          askAt = performance.now() + ASK_EVERY_MS;
        }
        last = position?.lsn;
        await sleep(pauseMs);
      }
    },
  };
}

/** How often a stream is asked anew to write its position down, in milliseconds. */
const ASK_EVERY_MS = 1_000;

/**
 * An idle stream writes its position down only now and then. This message in the source's log asks it to, once it has come
 * to it; it is no row, and changes nothing. Where the source refuses it the wait is longer, that is all.
 */
async function askToSettle(source: pg.Client): Promise<void> {
  // Flushed at once where the function can (version 17), or the server's writer does it within a fifth of a second.
  const ask = (more: string) =>
    source.query(`SELECT pg_catalog.pg_logical_emit_message(false, 'strangler', 'settle'${more})`);
  await ask(', true')
    .catch(() => ask(''))
    .catch(() => {});
}
