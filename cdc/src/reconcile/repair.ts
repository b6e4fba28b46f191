import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { createRowWriter, type TargetTables } from '../apply/row-writer.ts';
import type { ChangeEvent } from '../change-event.ts';
import { describeError, StreamStop, sqlState } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { compileTable } from '../map.ts';
import type { StreamName } from '../stream-name.ts';
import type { ComparedTable } from '../verify/compared-table.ts';
import { type FoundRow, type Key, readSide } from '../verify/read.ts';
import type { AppliedPosition, Difference } from '../verify/settle.ts';

/** What was done about one difference. */
export interface Repair {
  readonly key: Key;
  /** `none`: it was as it has to be by then. `left`: as it was found, for the reason given. */
  readonly action: 'inserted' | 'updated' | 'deleted' | 'none' | 'left';
  readonly reason: string | null;
}

/** The sessions that a repair has, and the stream whose target it writes. */
export interface Workshop {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly facts: TargetTables;
  readonly name: StreamName;
  readonly stream: AppliedPosition;
}

/** Rows that are repaired in one transaction. */
const CHUNK = 100;
/** How often a row that changes, or that the stream is writing, is tried again. */
const ATTEMPTS = 10;
/** Below PostgreSQL's `deadlock_timeout`: where the stream and a repair wait for each other, the repair gives way. */
const LOCK_TIMEOUT_MS = 500;

/** Repairs what verification proved, and says of each row what it did. */
export async function repair(
  workshop: Workshop,
  table: ComparedTable,
  differences: readonly Difference[],
): Promise<readonly Repair[]> {
  const done: Repair[] = [];
  for (let from = 0; from < differences.length; from += CHUNK) {
    const keys = differences.slice(from, from + CHUNK).map(({ key }) => key);
    done.push(...(await repairRows(workshop, table, keys)));
  }
  return done;
}

/** Makes the target's rows of these keys what the source says, in one transaction if none of them moves meanwhile. */
export async function repairRows(
  workshop: Workshop,
  table: ComparedTable,
  keys: readonly Key[],
): Promise<readonly Repair[]> {
  const done: Repair[] = [];
  let open = keys;
  for (let attempt = 0; attempt < ATTEMPTS && open.length > 0; attempt++) {
    if (attempt > 0) await sleep(Math.min(10 * 2 ** attempt, 300));
    try {
      const { repaired, moved } = await attemptRows(workshop, table, open);
      done.push(...repaired);
      open = moved;
    } catch (error) {
      if (['55P03', '40P01', '40001'].includes(sqlState(error) ?? '')) continue;
      if (!(error instanceof StreamStop)) throw error;
      // One statement writes many rows, so only alone it is known which one was refused.
      if (open.length === 1) return [...done, left(open[0]!, describeError(error.cause ?? error))];
      for (const key of open) done.push(...(await repairRows(workshop, table, [key])));
      return done;
    }
  }
  return [...done, ...open.map((key) => left(key, 'it kept changing, or the stream stood still: try again'))];
}

/**
 * One transaction of the target. It cannot put an older value over a newer one:
 *
 * 1. The source's rows are read, and the stream has to pass that moment.
 * 2. The lock of the stream's row is taken. Each transaction of the stream moves its position there before it commits, so
 *    from here on it commits nothing.
 * 3. The source's rows are read again. A row that is still the same version has not changed since before the stream's
 *    position, so it is what the target has to hold at that position. Others are left for another attempt.
 * 4. What comes after is written by the stream after this transaction, over what this one wrote.
 */
async function attemptRows(workshop: Workshop, table: ComparedTable, keys: readonly Key[]) {
  const { target: client, facts, stream, name } = workshop;
  const source = readSide(workshop.source, table.source, table.keyTypes, 0n);
  const target = readSide(client, table.target, table.keyTypes, 0n);
  const first = await source.find(keys);
  const end = await stream.sourceEnd();
  if (!(await stream.passed(end))) return { repaired: [], moved: keys };

  const repaired: Repair[] = [];
  const moved: Key[] = [];
  const writer = createRowWriter(client, facts, { limits: DEFAULT_LIMITS });
  const into = compileTable(table.mapping).target;
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    const { rowCount } = await client.query(
      'SELECT FROM strangler.stream WHERE capability = $1 AND direction = $2 AND lsn >= $3::pg_lsn FOR UPDATE',
      [name.capability, name.direction, end],
    );
    if (rowCount !== 1)
      throw new Error(`the stream of ${name.capability} has gone back: its position was below ${end}`);
    const there = await target.find(keys);
    const second = await source.find(keys);
    for (const [index, key] of keys.entries()) {
      const [row, present] = [second[index], there[index]];
      if (row?.version !== first[index]?.version) moved.push(key);
      else if (row?.values instanceof Error) repaired.push(left(key, row.values.message));
      else if (alike(row, present)) repaired.push({ key, action: 'none', reason: null });
      else if (row) {
        await writer.add({ kind: 'put', table: into, values: row.values }, eventOf(table, key));
        repaired.push({ key, action: present ? 'updated' : 'inserted', reason: null });
      } else {
        await writer.add({ kind: 'delete', table: into, key }, eventOf(table, key));
        repaired.push({ key, action: 'deleted', reason: null });
      }
    }
    await writer.flush();
    failpoint('repair');
    await client.query('COMMIT');
    return { repaired, moved };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

function alike(row: FoundRow | undefined, other: FoundRow | undefined): boolean {
  return JSON.stringify(row?.values) === JSON.stringify(other?.values);
}

function left(key: Key, reason: string): Repair {
  return { key, action: 'left', reason };
}

/** What the writer names when a row is refused. */
function eventOf({ mapping, columns }: ComparedTable, key: Key): ChangeEvent {
  const now = Date.now();
  const source = {
    schema: mapping.source.schema,
    table: mapping.source.name,
    txId: 0,
    lsn: 0n,
    ordinal: 0,
    ts_ms: now,
  };
  const named = Object.fromEntries(key.map((value, index) => [columns[index]!, value]));
  return { key: named, before: null, after: null, source, op: 'r', ts_ms: now };
}
