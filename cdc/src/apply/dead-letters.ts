import type pg from 'pg';
import type { Logger } from 'pino';
import { type ChangeEvent, describeEvent, type Row } from '../change-event.ts';
import { StreamStop, sqlState } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import { formatLsn, parseLsn } from '../position.ts';
import type { StreamName } from '../stream-name.ts';

/** How much is parked. */
export interface DeadLetterCounts {
  /** Keys whose events wait; the keys that one row moved along count as one. */
  readonly keys: number;
  readonly events: number;
}

/**
 * Events that are set aside in the target, in the transaction of the position that passes them. An event that cannot be
 * applied parks its key, and every later event of that key parks behind it, in order, until a person has replayed or
 * discarded them. All others flow.
 */
export interface DeadLetters {
  counts(): DeadLetterCounts;
  /** Whether the event has to wait behind parked ones. */
  holds(event: ChangeEvent): boolean;
  /**
   * Sets the event aside.
   *
   * @param cause Why it cannot be applied; undefined when it only waits behind others.
   * @throws {StreamStop} The cause, or `dead-letters-full`, when as many events are parked as may be.
   */
  park(event: ChangeEvent, cause: StreamStop | undefined): Promise<void>;
  /** The table was emptied: nothing of what waits for its keys is left to be applied. */
  truncated(schema: string, table: string): Promise<void>;
}

/**
 * Whether the fault is the event's own, so that the rest may go on without it: a mapping that throws, a value that does
 * not fit, a constraint or a trigger that refuses. What refuses every row (a privilege, a missing table or column, a full
 * disk) is not.
 */
export function isPoison(error: unknown): error is StreamStop {
  if (!(error instanceof StreamStop)) return false;
  if (error.code === 'mapping' || error.code === 'row-missing') return true;
  return error.code === 'refused' && POISON_STATES.includes(sqlState(error.cause)?.slice(0, 2) ?? '');
}

/** Data exception, constraint, view's check option, a limit of the server, raised by a function of the target. */
const POISON_STATES = ['22', '23', '44', '54', 'P0'];

/**
 * The letters of a stream as they are in the target. From here on only this session may add to them.
 *
 * @param epochOf Of the ownership under which an event is parked; null where none matters.
 */
export async function openDeadLetters(
  client: pg.Client,
  stream: StreamName,
  limits: { readonly deadLettersMax: number },
  log: Logger,
  epochOf: (event: ChangeEvent) => string | null,
): Promise<DeadLetters> {
  const name = [stream.capability, stream.direction];
  /** Table -> key -> lane: letters of one lane are applied one after the other. */
  const held = new Map<string, Map<string, number>>();
  let events = 0;
  let keys = 0;
  let lastLane = 0;

  const hold = (table: string, key: string, lane: number) => {
    if (!held.has(table)) held.set(table, new Map());
    held.get(table)!.set(key, lane);
  };
  const { rows } = await client.query(
    `SELECT lane::float8 AS lane, event ->> 'op' AS op, event -> 'source' AS source, event -> 'key' AS key,
       event -> 'oldKey' AS old_key, event -> 'newKey' AS new_key
     FROM strangler.dead_letter WHERE capability = $1 AND direction = $2`,
    name,
  );
  for (const row of rows) {
    const table = `${row.source.schema}.${row.source.table}`;
    for (const key of [row.key, row.old_key, row.new_key]) if (key) hold(table, textOf(key), row.lane);
    lastLane = Math.max(lastLane, row.lane);
  }
  events = rows.length;
  keys = new Set(rows.map((row) => row.lane)).size;

  /** The lanes that the event has to wait in: two, when a row moves from one parked key to another. */
  const lanesOf = (event: ChangeEvent): readonly number[] => {
    const table = held.get(tableOf(event));
    if (!table) return [];
    const lanes = keysOf(event).flatMap((key) => table.get(key) ?? []);
    return [...new Set(lanes)].sort((a, b) => a - b);
  };

  const join = async (from: number, into: number) => {
    await client.query(
      'UPDATE strangler.dead_letter SET lane = $3 WHERE capability = $1 AND direction = $2 AND lane = $4',
      [...name, into, from],
    );
    for (const table of held.values()) {
      for (const [key, lane] of table) if (lane === from) table.set(key, into);
    }
    keys--;
  };

  return {
    counts: () => ({ keys, events }),
    holds: (event) => events > 0 && lanesOf(event).length > 0,
    async park(event, cause) {
      if (events >= limits.deadLettersMax) throw full(event, cause, events);
      const [lane, second] = lanesOf(event);
      const chosen = lane ?? ++lastLane;
      if (lane === undefined) keys++;
      if (second !== undefined) await join(second, chosen);
      await client.query(
        `INSERT INTO strangler.dead_letter (capability, direction, lane, event, code, cause, epoch)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [...name, chosen, toJson(event), cause?.code ?? null, cause?.message ?? null, epochOf(event)],
      );
      for (const key of keysOf(event)) hold(tableOf(event), key, chosen);
      events++;
      failpoint('park');
      if (cause) log.warn({ code: cause.code, parked_events: events }, `parked: ${cause.message}`);
    },
    async truncated(schema, table) {
      if (!held.delete(`${schema}.${table}`)) return;
      const result = await client.query(
        `DELETE FROM strangler.dead_letter WHERE capability = $1 AND direction = $2
           AND event -> 'source' ->> 'schema' = $3 AND event -> 'source' ->> 'table' = $4`,
        [...name, schema, table],
      );
      events -= result.rowCount ?? 0;
      keys = new Set([...held.values()].flatMap((each) => [...each.values()])).size;
      log.warn(`the source emptied ${schema}.${table}: ${result.rowCount} parked events of it are settled by that`);
    },
  };
}

function full(event: ChangeEvent, cause: StreamStop | undefined, events: number): StreamStop {
  if (cause && events === 0) return cause;
  const many = `${events} events are parked, as many as may be`;
  const fix =
    'Mend what "npx cdc dead-letters list" shows as causes, then "npx cdc dead-letters replay --all"; or allow more with STRANGLER_CDC_DEAD_LETTERS.';
  if (cause) return new StreamStop(cause.code, `${cause.message}; and ${many}`, fix, cause);
  return new StreamStop('dead-letters-full', `${describeEvent(event)} has to wait for its key, but ${many}`, fix);
}

function tableOf({ source }: ChangeEvent): string {
  return `${source.schema}.${source.table}`;
}

function keysOf({ key, oldKey, newKey }: ChangeEvent): readonly string[] {
  return [key, oldKey, newKey].flatMap((each) => (each ? [textOf(each)] : []));
}

/** The same text for the same key, in whatever order its columns come. */
function textOf(key: Row): string {
  return JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** An absent column stays absent, and null stays null. */
export function toJson(event: ChangeEvent): string {
  return JSON.stringify({ ...event, source: { ...event.source, lsn: formatLsn(event.source.lsn) } });
}

/** A letter's event, as it was parked. */
export function eventFromJson(json: Omit<ChangeEvent, 'source'> & { source: { lsn: string } }): ChangeEvent {
  return { ...json, source: { ...json.source, lsn: parseLsn(json.source.lsn) } } as ChangeEvent;
}
