import type pg from 'pg';
import { unlessAbsent } from '../database/unless-absent.ts';
import { FenceLost, StreamStop, sqlState } from '../errors.ts';
import { type Epoch, formatLsn, type Position, parseLsn } from '../position.ts';
import type { StreamName } from '../stream-name.ts';

/** The log between source and target of a stream that does not read its slot itself, from one initial load on. */
export interface LogIdentity {
  readonly topic: string;
  /** What stands in it in place of a large value that an update left alone. Nobody can guess it, so no value is it. */
  readonly placeholder: string;
  /** What the columns were when the log began. */
  readonly types: Readonly<Record<string, string>>;
}

/** What the target's row of `strangler.stream` holds. */
export interface StreamRow {
  readonly position: Position;
  /** The source tables that the initial load brought over, as `schema.name`. */
  readonly tables: readonly string[];
  /** Raised by each instance that takes the stream over. */
  readonly fence: string;
  readonly slot: string;
  /** The publication that the stream began with. */
  readonly publication: Readonly<Record<string, string>>;
  /** When the last applied source transaction committed, in milliseconds since 1970; before the first, when the load ended. */
  readonly committedAtMs: number;
  /** Null for a stream that reads its slot itself. */
  readonly log: LogIdentity | null;
}

/** The tables of {@link LEDGER_SQL}, in the schema strangler. */
export const LEDGER_TABLES = ['stream', 'dead_letter', 'stream_marker', 'rogue_write'] as const;

/** The statements that make the ledger in a target, or bring an older one up to date. */
export const LEDGER_SQL = `CREATE SCHEMA IF NOT EXISTS strangler;
CREATE TABLE IF NOT EXISTS strangler.stream (
  capability        text        NOT NULL,
  direction         text        NOT NULL CHECK (direction IN ('forward', 'reverse')),
  -- The source's history, and the place in its log below which every commit is applied here.
  system_identifier text        NOT NULL,
  timeline          integer     NOT NULL,
  lsn               pg_lsn      NOT NULL,
  -- Raised by each instance that takes the stream over: an older one can commit nothing more.
  fence             bigint      NOT NULL DEFAULT 1,
  slot              text        NOT NULL,
  publication       jsonb       NOT NULL,
  tables            text[]      NOT NULL,
  committed_at      timestamptz,
  updated_at        timestamptz NOT NULL DEFAULT now(),
  -- Writes of a side that did not own the table: counted, and the first of them kept in strangler.rogue_write.
  rogue_writes      bigint      NOT NULL DEFAULT 0,
  -- Of a stream that comes by way of Kafka: its topic, and the offset there of the first message that is not applied.
  log               jsonb,
  next_offset       bigint,
  PRIMARY KEY (capability, direction)
) WITH (fillfactor = 20);
ALTER TABLE strangler.stream ADD COLUMN IF NOT EXISTS rogue_writes bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS log jsonb, ADD COLUMN IF NOT EXISTS next_offset bigint;
-- Events that could not be applied, and those that wait behind them: one after the other in each lane.
CREATE TABLE IF NOT EXISTS strangler.dead_letter (
  id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  capability text        NOT NULL,
  direction  text        NOT NULL,
  lane       bigint      NOT NULL,
  event      jsonb       NOT NULL,
  -- Of the first of a lane: why.
  code       text,
  cause      text,
  parked_at  timestamptz NOT NULL DEFAULT now(),
  -- Of the ownership when it was parked; null for a table that only follows.
  epoch      bigint,
  FOREIGN KEY (capability, direction) REFERENCES strangler.stream ON DELETE CASCADE
);
ALTER TABLE strangler.dead_letter ADD COLUMN IF NOT EXISTS epoch bigint;
-- The rows of the source's strangler.marker that have arrived here, each in the transaction that applied it.
CREATE TABLE IF NOT EXISTS strangler.stream_marker (
  id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  capability text        NOT NULL,
  direction  text        NOT NULL,
  kind       text        NOT NULL CHECK (kind IN ('fence', 'open', 'probe')),
  epoch      bigint      NOT NULL,
  attempt    uuid,
  applied_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (capability, direction) REFERENCES strangler.stream ON DELETE CASCADE
);
-- What the side that did not own the table wrote: it was not applied.
CREATE TABLE IF NOT EXISTS strangler.rogue_write (
  id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  capability   text        NOT NULL,
  direction    text        NOT NULL,
  epoch        bigint      NOT NULL,
  event        jsonb       NOT NULL,
  committed_at timestamptz NOT NULL,
  noticed_at   timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (capability, direction) REFERENCES strangler.stream ON DELETE CASCADE
);
-- How far a stream is, and whether something of it was set aside, is no secret: whoever may use the schema may ask. The
-- proxy does, to know when a client can read what it wrote.
GRANT SELECT (capability, direction, system_identifier, timeline, lsn) ON strangler.stream TO PUBLIC;
GRANT SELECT (capability, direction) ON strangler.dead_letter TO PUBLIC`;

/** Creates the ledger unless it is there. @throws {StreamStop} `denied`, with the statements to run. */
export async function ensureLedger(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT (SELECT count(*) FROM unnest($1::text[]) AS t WHERE to_regclass('strangler.' || t) IS NOT NULL) = $2
       AND EXISTS (SELECT FROM pg_catalog.pg_attribute
                   WHERE attrelid = to_regclass('strangler.stream') AND attname = 'next_offset') AS present`,
    [LEDGER_TABLES, LEDGER_TABLES.length],
  );
  if (rows[0].present) return;
  try {
    await client.query(LEDGER_SQL);
  } catch (error) {
    // Another stream of the same target may be creating it at this moment.
    if (['23505', '42P06', '42P07', '42710'].includes(sqlState(error) ?? '')) return ensureLedger(client);
    if (sqlState(error) !== '42501') throw error;
    throw new StreamStop(
      'denied',
      'the role that connects to the target may not create the schema strangler, where the position is kept',
      `As an administrator of the target, run what "cdc roles" prints, or: ${LEDGER_SQL};`,
      error,
    );
  }
}

/**
 * Waits until this session alone may apply the stream. It holds until the session ends, however it ends. The key is 64
 * bits of the stream's name, so an application's own advisory locks will not meet it.
 */
export async function waitForTurn(client: pg.Client, name: StreamName, waiting: () => void): Promise<void> {
  const key = `hashtextextended('strangler stream ' || $1 || ' ' || $2, 0)`;
  const values = [name.capability, name.direction];
  const { rows } = await client.query(`SELECT pg_try_advisory_lock(${key}) AS mine`, values);
  if (rows[0].mine) return;
  waiting();
  await client.query(`SELECT pg_advisory_lock(${key})`, values);
}

/** Reads the stream's row and raises its fence; undefined before the first load. */
export async function takeOver(client: pg.Client, name: StreamName): Promise<StreamRow | undefined> {
  const { rows } = await client.query(
    `UPDATE strangler.stream SET fence = fence + 1, updated_at = now()
     WHERE capability = $1 AND direction = $2 RETURNING ${COLUMNS}`,
    [name.capability, name.direction],
  );
  return rows[0] && toStreamRow(rows[0]);
}

/** Reads the stream's row, or undefined when there is none (nor a ledger at all). */
export async function readStreamRow(client: pg.Client, name: StreamName): Promise<StreamRow | undefined> {
  const result = await unlessAbsent(
    client.query(`SELECT ${COLUMNS} FROM strangler.stream WHERE capability = $1 AND direction = $2`, [
      name.capability,
      name.direction,
    ]),
  );
  return result?.rows[0] && toStreamRow(result.rows[0]);
}

/** Records a finished load, in the load's own transaction. */
export async function insertStreamRow(
  client: pg.Client,
  name: StreamName,
  row: Pick<StreamRow, 'position' | 'slot' | 'publication' | 'tables'>,
): Promise<StreamRow> {
  const { epoch, commitLsn } = row.position;
  const { rows } = await client.query(
    `INSERT INTO strangler.stream (capability, direction, system_identifier, timeline, lsn, slot, publication, tables)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${COLUMNS}`,
    [
      name.capability,
      name.direction,
      epoch.systemId,
      epoch.timeline,
      formatLsn(commitLsn),
      row.slot,
      row.publication,
      row.tables,
    ],
  );
  return toStreamRow(rows[0]);
}

/** Remembers what the stream's source is now: its history, which a failover changes, and its publication. */
export async function storeSource(
  client: pg.Client,
  name: StreamName,
  { epoch, publication }: { readonly epoch: Epoch; readonly publication: StreamRow['publication'] },
): Promise<void> {
  await client.query(
    `UPDATE strangler.stream SET system_identifier = $3, timeline = $4, publication = $5
     WHERE capability = $1 AND direction = $2`,
    [name.capability, name.direction, epoch.systemId, epoch.timeline, publication],
  );
}

/** Writes down the log that a stream comes by from here on, before anything is in it. */
export async function storeLog(client: pg.Client, name: StreamName, log: LogIdentity): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE strangler.stream SET log = $3, next_offset = 0 WHERE capability = $1 AND direction = $2 AND log IS NULL`,
    [name.capability, name.direction, log],
  );
  if (rowCount !== 1) throw new FenceLost(`another instance has taken over the stream of ${name.capability}`);
}

/**
 * Moves the position, in the transaction of the rows that it stands for. Its commit answers once the target has flushed it,
 * whatever a trigger of the target has set in between: what comes after the answer is acknowledged to the source.
 *
 * @throws {FenceLost} when the row is not as this session left it: then nothing of the transaction may be committed.
 */
export async function movePosition(
  client: pg.Client,
  name: StreamName,
  fence: string,
  from: Position,
  to: Position,
  committedAtMs: number | null,
): Promise<void> {
  const { rowCount } = await client.query({
    name: 'strangler_move_position',
    text: `UPDATE strangler.stream
           SET lsn = $5, committed_at = coalesce(to_timestamp($6::float8 / 1000), committed_at), updated_at = now(),
             next_offset = $8
           WHERE capability = $1 AND direction = $2 AND fence = $3 AND lsn = $4
             AND next_offset IS NOT DISTINCT FROM $7
           RETURNING set_config('synchronous_commit', 'on', true)`,
    values: [
      ...[name.capability, name.direction, fence, formatLsn(from.commitLsn), formatLsn(to.commitLsn), committedAtMs],
      ...[from.nextOffset ?? null, to.nextOffset ?? null],
    ],
  });
  if (rowCount !== 1) throw new FenceLost(`another instance has taken over the stream of ${name.capability}`);
}

const COLUMNS = `system_identifier, timeline, lsn::text AS lsn, fence::text AS fence, slot, publication, tables, log,
  next_offset::text AS next_offset,
  extract(epoch FROM coalesce(committed_at, updated_at))::float8 * 1000 AS committed_at_ms`;

function toStreamRow(row: Record<string, unknown>): StreamRow {
  return {
    position: {
      epoch: { systemId: String(row.system_identifier), timeline: Number(row.timeline) },
      commitLsn: parseLsn(String(row.lsn)),
      ordinal: 0,
      ...(row.next_offset === null ? {} : { nextOffset: BigInt(String(row.next_offset)) }),
    },
    log: row.log as LogIdentity | null,
    tables: row.tables as string[],
    fence: String(row.fence),
    slot: String(row.slot),
    publication: row.publication as Record<string, string>,
    committedAtMs: Number(row.committed_at_ms),
  };
}
