import type pg from 'pg';
import type { Logger } from 'pino';
import { type ChangeEvent, describeEvent } from '../change-event.ts';
import type { StreamCourse } from '../direction.ts';
import { MARKER_TABLE, type Marker, readMarker } from '../ownership.ts';
import type { Direction, StreamName } from '../stream-name.ts';
import { toJson } from './dead-letters.ts';
import type { EventWriter } from './event-writer.ts';

/** Whether the stream's source owns the capability's tables, as far as the stream has come. */
export type GateState = 'open' | 'closed';

/** What a gate shows. */
export interface GateStatus {
  readonly state: GateState;
  /** Of the ownership, as the last marker that was applied said. */
  readonly epoch: string;
  /** Writes that came from a side that did not own the table, since the stream began. */
  readonly rogueWrites: number;
}

/** Lets through what the owner wrote, and keeps markers and rogue writes in the target's ledger. */
export interface Gate {
  status(): GateStatus;
  /** Of the ownership under which the event's table is written now; null for one that does not change hands. */
  epochOf(event: ChangeEvent): string | null;
  /** The same writer behind the gate. */
  guard(events: EventWriter): EventWriter;
}

export interface GateOptions {
  /** The session that applies. */
  readonly client: pg.Client;
  readonly course: StreamCourse;
  readonly log: Logger;
}

/** Rogue writes that are kept in full, per stream; all are counted. */
const ROGUE_ROWS_MAX = 10_000;

/** Markers of one kind that are kept, per stream. */
const MARKERS_MAX = 1_000;

/** How often rogue writes are logged, in milliseconds. */
const LOG_EVERY_MS = 1_000;

/**
 * A stream applies changes of the capability's own tables only between its source's `open` and `fence` markers, which
 * travel as rows of `strangler.marker`, in order with all others. The monolith is open from the load on, the service is
 * closed until its first `open`. A fence that runs out is no exception: who writes behind its deadline writes an `open` too.
 *
 * What a side writes that does not own the table is a *rogue write*: the database's guard refuses those, so it comes from
 * one that went around it. To apply it would overwrite what the owner says, so it is kept and told instead.
 */
export async function openGate(options: GateOptions): Promise<Gate> {
  const { client, course, log } = options;
  const { name } = course;
  const owned = new Set(course.owned.map((table) => `${table.schema}.${table.name}`));
  const key = [name.capability, name.direction];
  let { state, epoch, rogueWrites } = await readGate(client, name);
  let kept = Math.min(rogueWrites, ROGUE_ROWS_MAX);
  let uncounted = 0;
  let loggedAt = -Infinity;

  const mark = async (marker: Marker) => {
    await client.query(
      `INSERT INTO strangler.stream_marker (capability, direction, kind, epoch, attempt) VALUES ($1, $2, $3, $4, $5)`,
      [...key, marker.kind, marker.epoch, marker.attempt],
    );
    await client.query(
      `DELETE FROM strangler.stream_marker WHERE capability = $1 AND direction = $2 AND kind = $3 AND id <=
         (SELECT id FROM strangler.stream_marker WHERE capability = $1 AND direction = $2 AND kind = $3
          ORDER BY id DESC OFFSET ${MARKERS_MAX} LIMIT 1)`,
      [...key, marker.kind],
    );
    log.info(marker, `marker: ${marker.kind} of epoch ${marker.epoch}`);
    if (marker.kind === 'probe') return;
    state = marker.kind === 'open' ? 'open' : 'closed';
    epoch = marker.epoch;
  };

  const refuse = async (event: ChangeEvent) => {
    rogueWrites++;
    uncounted++;
    if (kept < ROGUE_ROWS_MAX) {
      kept++;
      await client.query(
        `INSERT INTO strangler.rogue_write (capability, direction, epoch, event, committed_at)
         VALUES ($1, $2, $3, $4, to_timestamp($5::float8 / 1000))`,
        [...key, epoch, toJson(event), event.source.ts_ms],
      );
    }
    if (performance.now() - loggedAt < LOG_EVERY_MS) return;
    loggedAt = performance.now();
    log.error(
      { code: 'rogue-write', rogue_writes: rogueWrites },
      `rogue write, not applied: ${describeEvent(event)}: this side does not own the table`,
    );
  };

  return {
    status: () => ({ state, epoch, rogueWrites }),
    epochOf: ({ source }) => (owned.has(`${source.schema}.${source.table}`) ? epoch : null),
    guard: (events) => ({
      write(event) {
        const table = `${event.source.schema}.${event.source.table}`;
        if (table === MARKER_TABLE) {
          const marker = readMarker(event);
          return marker?.capability === name.capability ? events.settled().then(() => mark(marker)) : undefined;
        }
        if (state === 'open' || !owned.has(table)) return events.write(event);
        return events.settled().then(() => refuse(event));
      },
      settled: events.settled,
      async flush() {
        await events.flush();
        if (uncounted === 0) return;
        await client.query(
          'UPDATE strangler.stream SET rogue_writes = rogue_writes + $3 WHERE capability = $1 AND direction = $2',
          [...key, uncounted],
        );
        uncounted = 0;
      },
    }),
  };
}

/** What the target's ledger says of the gate. */
export async function readGate(client: pg.Client, { capability, direction }: StreamName): Promise<GateStatus> {
  const { rows } = await client.query(
    `SELECT s.rogue_writes::float8 AS rogue_writes, m.kind, m.epoch::text AS epoch
     FROM strangler.stream s LEFT JOIN LATERAL (
       SELECT kind, epoch FROM strangler.stream_marker m
       WHERE m.capability = s.capability AND m.direction = s.direction AND m.kind IN ('open', 'fence')
       ORDER BY id DESC LIMIT 1) m ON true
     WHERE s.capability = $1 AND s.direction = $2`,
    [capability, direction],
  );
  const row = rows[0];
  return {
    state: row?.kind ? (row.kind === 'open' ? 'open' : 'closed') : beginning(direction),
    epoch: row?.epoch ?? '1',
    rogueWrites: row?.rogue_writes ?? 0,
  };
}

function beginning(direction: Direction): GateState {
  return direction === 'forward' ? 'open' : 'closed';
}
