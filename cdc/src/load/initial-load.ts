import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Logger } from 'pino';
import type { TableMapping } from 'strangler-migrations/define';
import { insertStreamRow, type StreamRow } from '../apply/ledger.ts';
import type { PublicationIdentity } from '../capture/embedded/publication.ts';
import { createSlot, dropSlot, readSlot } from '../capture/embedded/slot.ts';
import type { Row } from '../change-event.ts';
import { connect, disconnect, quoteName } from '../database/connect.ts';
import { describeError, StreamStop, sqlState } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import { compileTable } from '../map.ts';
import type { Epoch } from '../position.ts';
import type { StreamName } from '../stream-name.ts';
import { countRows, mapCopy } from './copy-text.ts';

export interface LoadOptions {
  readonly sourceUrl: string;
  /** A session of the source for what is not the load itself. */
  readonly source: pg.Client;
  /** The session that holds the stream's lock. */
  readonly target: pg.Client;
  readonly stream: StreamName;
  readonly slot: string;
  readonly epoch: Epoch;
  readonly publication: PublicationIdentity;
  /** In the order in which they are loaded: a table that others refer to comes first. */
  readonly mappings: readonly TableMapping[];
  readonly log: Logger;
  progress(loaded: LoadProgress): void;
}

/** How far a load is. */
export interface LoadProgress {
  /** The source table that is being read, as `schema.name`. */
  readonly table: string;
  readonly tables: number;
  readonly tablesDone: number;
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Brings every row of the mapped tables over, as of the moment at which a new slot begins, and records the slot's
 * position: all in one transaction of the target, so that a load that is killed leaves nothing but its slot, which the
 * next one removes. The source's rows are read in the snapshot that the slot exports: what committed before it is in the
 * load, what commits after it is in the stream, and nothing is in both or in neither.
 *
 * @throws {StreamStop} `target-not-empty`, `mapping` or `refused`.
 */
export async function initialLoad(options: LoadOptions): Promise<StreamRow> {
  const { source, target, slot } = options;
  await refuseUnlessEmpty(target, options.mappings);
  await dropLeftOver(source, slot);
  const made = await createSlot(options.sourceUrl, slot, slot, options.epoch);
  let reader: pg.Client | undefined;
  try {
    reader = await connect(options.sourceUrl, { applicationName: slot });
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await reader.query(`SET TRANSACTION SNAPSHOT ${pg.escapeLiteral(made.snapshot)}`);
    await target.query('BEGIN');
    await refuseUnlessEmpty(target, options.mappings);
    options.log.debug('initial load: copying');
    await copyTables(reader, options);
    const tables = [...new Set(options.mappings.map((mapping) => `${mapping.source.schema}.${mapping.source.name}`))];
    const row = await insertStreamRow(target, options.stream, {
      position: made.position,
      slot,
      publication: options.publication,
      tables,
    });
    await target.query('COMMIT');
    failpoint('loaded');
    return row;
  } catch (error) {
    // Best effort: the next attempt drops what is left, but until then the slot would keep the source's log.
    await disconnect(reader);
    await made.release();
    await target.query('ROLLBACK').catch(() => {});
    await dropSlotUnlessLoaded(options).catch(() => {});
    throw error;
  } finally {
    await disconnect(reader);
    await made.release();
  }
}

/** Begins a stream without a load, with the first commit behind a new slot; a slot without a position is removed first. */
export async function beginAtSlot(options: Omit<LoadOptions, 'log' | 'progress'>): Promise<StreamRow> {
  await dropLeftOver(options.source, options.slot);
  const { position, release } = await createSlot(options.sourceUrl, options.slot, options.slot, options.epoch);
  await release();
  return insertStreamRow(options.target, options.stream, {
    position,
    slot: options.slot,
    publication: options.publication,
    tables: [...new Set(options.mappings.map((mapping) => `${mapping.source.schema}.${mapping.source.name}`))],
  });
}

async function copyTables(reader: pg.Client, options: LoadOptions): Promise<void> {
  let rows = 0;
  let bytes = 0;
  for (const [tablesDone, mapping] of options.mappings.entries()) {
    const table = `${mapping.source.schema}.${mapping.source.name}`;
    const report = () => options.progress({ table, tables: options.mappings.length, tablesDone, rows, bytes });
    report();
    const counter = countRows((more, moreBytes) => {
      rows += more;
      bytes += moreBytes;
      report();
    });
    await copyTable(reader, options.target, mapping, counter);
    failpoint('load');
  }
}

/** Codecs alone are SQL: no row passes through our code. A hand-written pair is ours, so then every row does. */
async function copyTable(
  reader: pg.Client,
  target: pg.Client,
  mapping: TableMapping,
  counter: ReturnType<typeof countRows>,
): Promise<void> {
  const compiled = compileTable(mapping);
  const into = `COPY ${quoteName(mapping.target)} (${compiled.target.columns.map(pg.escapeIdentifier).join(', ')}) FROM STDIN`;
  try {
    const sink = target.query(copyFrom(into));
    if (mapping.pairs.length === 0) {
      await pipeline(reader.query(copyTo(mappedSelect(mapping))), counter, sink);
      return;
    }
    const columns = [...new Set(compiled.reads)];
    const select = columns.map(pg.escapeIdentifier).join(', ');
    const map = mapCopy((values) => {
      const row: Row = Object.fromEntries(columns.map((column, index) => [column, values[index]!]));
      return compiled.values(row).map((value) => value ?? null);
    });
    await pipeline(
      reader.query(copyTo(`COPY (SELECT ${select} FROM ${quoteName(mapping.source)}) TO STDOUT`)),
      counter,
      map,
      sink,
    );
  } catch (error) {
    throw explain(error, mapping);
  }
}

function mappedSelect(mapping: TableMapping): string {
  const columns = [...mapping.key, ...mapping.columns];
  const expressions = columns.map(({ codec }) => codec.forwardSql(pg.escapeIdentifier(codec.source)));
  return `COPY (SELECT ${expressions.join(', ')} FROM ${quoteName(mapping.source)}) TO STDOUT`;
}

async function refuseUnlessEmpty(target: pg.Client, mappings: readonly TableMapping[]): Promise<void> {
  const full: string[] = [];
  for (const { target: table } of mappings) {
    const { rows } = await target.query(`SELECT EXISTS (SELECT FROM ${quoteName(table)}) AS "full"`);
    if (rows[0].full) full.push(`${table.schema}.${table.name}`);
  }
  if (full.length === 0) return;
  throw new StreamStop(
    'target-not-empty',
    `the first load needs empty tables in the target, but there are rows in ${full.join(', ')}`,
    `If those rows may go, run on the target: TRUNCATE ${full.join(', ')}; the load begins by itself.`,
  );
}

/** A slot without a position is what a load left that did not finish. */
async function dropLeftOver(source: pg.Client, slot: string): Promise<void> {
  for (let attempt = 0; await readSlot(source, slot); attempt++) {
    try {
      await dropSlot(source, slot);
    } catch (error) {
      // The session of an instance that was killed a moment ago is still there: "object in use".
      if (sqlState(error) !== '55006' || attempt >= 20) throw error;
      await new Promise((wake) => setTimeout(wake, 100));
    }
  }
}

/** After a COMMIT whose outcome is unknown the slot may be needed: only the ledger can tell, so ask it. */
async function dropSlotUnlessLoaded(options: LoadOptions): Promise<void> {
  const { rows } = await options.target.query('SELECT FROM strangler.stream WHERE capability = $1 AND direction = $2', [
    options.stream.capability,
    options.stream.direction,
  ]);
  if (rows.length === 0) await dropLeftOver(options.source, options.slot);
}

function explain(error: unknown, mapping: TableMapping): unknown {
  if (error instanceof StreamStop) return error;
  const tables = `${mapping.source.schema}.${mapping.source.name} -> ${mapping.target.schema}.${mapping.target.name}`;
  const where = (error as { where?: string }).where;
  const what = `initial load of ${tables}: ${describeError(error)}${where ? `, at ${where}` : ''}`;
  if (error instanceof Error && error.name === 'ValueError') {
    return new StreamStop(
      'mapping',
      what,
      'Mend the mapping or the row at its source; the load begins again by itself.',
      error,
    );
  }
  const state = sqlState(error);
  if (state?.startsWith('22') || state?.startsWith('23')) {
    const fix =
      state === '23503'
        ? 'Declare the table that others refer to before them: tables are loaded in the order of the declaration.'
        : 'Mend the mapping, the constraint, or the row at its source; the load begins again by itself.';
    return new StreamStop('refused', what, fix, error);
  }
  return error;
}
