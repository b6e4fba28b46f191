import type pg from 'pg';
import type { Operation, Row } from '../change-event.ts';
import { readTargetFacts } from '../database/target-facts.ts';
import { unlessAbsent } from '../database/unless-absent.ts';
import type { StreamCourse } from '../direction.ts';
import { describeError, isTransient, StreamStop } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { compileMapper } from '../map.ts';
import { uniqueTables } from '../refuse.ts';
import type { Direction, StreamName } from '../stream-name.ts';
import { type DeadLetterCounts, eventFromJson } from './dead-letters.ts';
import { type GateStatus, readGate } from './gate.ts';
import { takeOver } from './ledger.ts';
import { createRowWriter } from './row-writer.ts';

/** One parked event, as `cdc dead-letters` shows it. The keys are a contract. */
export interface DeadLetter {
  readonly id: string;
  readonly capability: string;
  readonly direction: Direction;
  readonly table: string;
  readonly key: Row;
  readonly op: Operation;
  readonly transaction: number;
  /** A `StopCode`; null for an event that only waits behind another one. */
  readonly code: string | null;
  readonly cause: string | null;
  /** The letter that has to be settled first; null for the first of its key. */
  readonly behind: string | null;
  readonly parked_at: string;
  /** Of the ownership when it was parked: one of an older epoch can only be discarded. Null where none matters. */
  readonly epoch: string | null;
}

/** What became of a letter. */
export interface SettledLetter {
  readonly id: string;
  readonly outcome: 'applied' | 'discarded' | 'refused' | 'waits';
  /** Of `refused`. */
  readonly cause: string | null;
}

const LIST_SQL = `
  SELECT id::text AS id, capability, direction, epoch::text AS epoch, (event -> 'source' ->> 'schema') || '.' || (event -> 'source' ->> 'table') AS "table",
    event -> 'key' AS key, event ->> 'op' AS op, (event -> 'source' ->> 'txId')::float8 AS transaction, code, cause,
    nullif(first_value(id) OVER (PARTITION BY lane ORDER BY id), id)::text AS behind,
    to_char(parked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS parked_at
  FROM strangler.dead_letter WHERE capability = $1 AND direction = $2 ORDER BY id`;

/** The parked events of a stream, in the order in which they were parked. */
export async function listLetters(client: pg.Client, { capability, direction }: StreamName): Promise<DeadLetter[]> {
  return (await unlessAbsent(client.query(LIST_SQL, [capability, direction])))?.rows ?? [];
}

/** A parked event in full; undefined when there is none of this number. */
export async function readLetter(client: pg.Client, stream: StreamName, id: string): Promise<object | undefined> {
  const letter = (await listLetters(client, stream)).find((each) => each.id === id);
  if (!letter) return undefined;
  const { rows } = await client.query('SELECT event FROM strangler.dead_letter WHERE id = $1', [id]);
  return rows[0] && { ...letter, event: rows[0].event };
}

export async function countLetters(client: pg.Client, stream: StreamName): Promise<DeadLetterCounts> {
  const result = await unlessAbsent(
    client.query(
      `SELECT count(DISTINCT lane)::int AS keys, count(*)::int AS events FROM strangler.dead_letter
       WHERE capability = $1 AND direction = $2`,
      [stream.capability, stream.direction],
    ),
  );
  return result?.rows[0] ?? { keys: 0, events: 0 };
}

export interface SettleOptions {
  readonly client: pg.Client;
  readonly stream: StreamName;
  /** These letters; all of them when undefined. */
  readonly ids: readonly string[] | undefined;
  /** Tell what would happen, and take it back. */
  readonly dryRun: boolean;
}

/** How often a transaction that met another one is tried again. */
const ATTEMPTS_MAX = 5;

/**
 * Settles letters in one transaction. It raises the stream's fence first: a running stream can commit nothing from then
 * on, begins its session anew when this is done, and then knows which keys are still parked. So no event of a key can
 * pass another one, whenever this is called.
 */
async function settle(
  { client, stream, dryRun }: SettleOptions,
  work: () => Promise<SettledLetter[]>,
): Promise<SettledLetter[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query('BEGIN');
      if (!(await takeOver(client, stream))) throw new Error(`nothing was loaded yet for ${stream.capability}`);
      const settled = await work();
      failpoint('replay');
      await client.query(dryRun ? 'ROLLBACK' : 'COMMIT');
      return settled;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      if (!isTransient(error) || attempt >= ATTEMPTS_MAX) throw error;
    }
  }
}

/**
 * Applies letters, and all others of their keys, in the order in which they were parked, by the mapping as it is now.
 * Where one is refused again, it and what is behind it stay.
 */
export function replayLetters(options: SettleOptions & { readonly course: StreamCourse }): Promise<SettledLetter[]> {
  const { client, stream, ids } = options;
  const { mappings, owned } = options.course;
  const { map } = compileMapper(mappings);
  return settle(options, async () => {
    const facts = await readTargetFacts(client, uniqueTables(mappings.map((mapping) => mapping.target)));
    const writer = createRowWriter(client, facts, { limits: DEFAULT_LIMITS });
    const gate = await readGate(client, stream);
    const { rows: letters } = await client.query(
      `SELECT id::text AS id, lane, epoch::text AS epoch, event -> 'source' AS source FROM strangler.dead_letter
       WHERE capability = $1 AND direction = $2
         AND ($3::bigint[] IS NULL OR lane IN (SELECT lane FROM strangler.dead_letter
                                               WHERE capability = $1 AND direction = $2 AND id = ANY ($3)))
       ORDER BY strangler.dead_letter.id`,
      [stream.capability, stream.direction, ids ?? null],
    );
    const blocked = new Set<string>();
    const settled: SettledLetter[] = [];
    for (const { id, lane, epoch, source } of letters) {
      if (blocked.has(lane)) {
        settled.push({ id, outcome: 'waits', cause: null });
        continue;
      }
      // A letter from before letters had epochs is one of the first.
      const isOwned = owned.some(({ schema, name }) => schema === source.schema && name === source.table);
      if (isOwned && (gate.state !== 'open' || gate.epoch !== (epoch ?? '1'))) {
        blocked.add(lane);
        settled.push({ id, outcome: 'refused', cause: staleCause(epoch ?? '1', gate) });
        continue;
      }
      await client.query('SAVEPOINT letter');
      try {
        const { rows } = await client.query('DELETE FROM strangler.dead_letter WHERE id = $1 RETURNING event', [id]);
        const event = eventFromJson(rows[0].event);
        for (const change of map(event)) await writer.add(change, event);
        await writer.flush();
        await client.query('RELEASE letter');
        settled.push({ id, outcome: 'applied', cause: null });
      } catch (error) {
        if (isTransient(error)) throw error;
        await client.query('ROLLBACK TO letter');
        const cause = describeError(error);
        const code = error instanceof StreamStop ? error.code : null;
        await client.query('UPDATE strangler.dead_letter SET code = $2, cause = $3 WHERE id = $1', [id, code, cause]);
        blocked.add(lane);
        settled.push({ id, outcome: 'refused', cause });
      }
    }
    return settled;
  });
}

/** The owner may have written the row anew since, and this would put the old value over it. */
function staleCause(epoch: string, gate: GateStatus): string {
  const now = gate.state === 'open' ? `is at epoch ${gate.epoch}` : 'is with the other side';
  return `it was parked in epoch ${epoch} and the ownership ${now}: discard it, and let "npx cdc verify" say whether a row is wrong`;
}

/** Throws letters away for good. Those behind them stay parked until they are replayed. */
export function discardLetters(options: SettleOptions): Promise<SettledLetter[]> {
  const { client, stream, ids } = options;
  return settle(options, async () => {
    const { rows } = await client.query(
      `DELETE FROM strangler.dead_letter
       WHERE capability = $1 AND direction = $2 AND ($3::bigint[] IS NULL OR id = ANY ($3)) RETURNING id::text AS id`,
      [stream.capability, stream.direction, ids ?? null],
    );
    return rows.map(({ id }) => ({ id, outcome: 'discarded', cause: null }));
  });
}
