import type { TableMapping } from 'strangler-migrations/define';
import type { MigrationDatabases } from '../config.ts';
import { disconnect } from '../database/connect.ts';
import { readOwner } from '../ownership.ts';
import { readColumnTypes } from '../verify/column-types.ts';
import { compareTable } from '../verify/compared-table.ts';
import { type Key, readSide } from '../verify/read.ts';
import { LISTED_MAX } from '../verify/report.ts';
import { openWorkshop } from './reconcile.ts';
import { repairRows } from './repair.ts';

export interface BackfillOptions extends MigrationDatabases {
  readonly mapping: TableMapping;
  /** The first key and the last one, in the target's terms; open where undefined. */
  readonly from?: Key | undefined;
  readonly to?: Key | undefined;
  /** Rows per second at most; unlimited when undefined. */
  readonly rate?: number | undefined;
  /** Ends it behind the rows at hand. */
  readonly signal?: AbortSignal;
  /** Told after each transaction. */
  progress?(done: BackfillProgress): void;
}

export interface BackfillProgress {
  readonly rows: number;
  /** By the source's statistics for the whole table; undefined while it has none. */
  readonly rowsExpected: number | undefined;
  readonly upTo: Key;
}

/** What a backfill did. The keys are a contract. */
export interface BackfillReport {
  readonly capability: string;
  /** The target's table, as `schema.name`. */
  readonly table: string;
  /** Rows of the source that it has come by. */
  readonly rows: number;
  readonly inserted: number;
  readonly updated: number;
  /** Rows that are not as they have to be: the target refuses them, or they kept changing. */
  readonly left: number;
  /** The first of them, with the reason. */
  readonly left_rows: readonly { readonly key: Key; readonly reason: string | null }[];
  /** False when it was told to end before. */
  readonly complete: boolean;
  /** The last key that it has come by; null if there was none. */
  readonly up_to: Key | null;
}

/** Rows of one transaction. */
const CHUNK = 1_000;

/** The service owns the rows, so the monolith has none to bring. */
export class NotTheOwner extends Error {
  override readonly name = 'NotTheOwner';
}

/**
 * Brings the rows of one table, or of a range of its keys, to the target while the stream runs on, as the source has them.
 * Each thousand is a transaction that cannot put an older value over a newer one, however much is written meanwhile: the
 * one of a repair. It can be killed and begun again anywhere: what is as it has to be is not written.
 *
 * @throws {NotTheOwner}
 */
export async function backfill(options: BackfillOptions): Promise<BackfillReport> {
  const { migration, mapping, from, to, signal } = options;
  const { capability } = migration;
  const workshop = await openWorkshop(options, 'forward');
  try {
    const owner = await readOwner(workshop.target, capability);
    if (owner.side === 'service' && migration.tables.includes(mapping)) {
      throw new NotTheOwner(`the service owns ${capability}: there is nothing to bring there; see "npx cdc verify"`);
    }
    const types = {
      source: await readColumnTypes(workshop.source, mapping.source),
      target: await readColumnTypes(workshop.target, mapping.target),
    };
    const table = compareTable(mapping, types, undefined, 'forward');
    const source = readSide(workshop.source, table.source, table.keyTypes, 0n);
    const rowsExpected = await expectedRows(options, workshop);
    const counts = { rows: 0, inserted: 0, updated: 0, left: 0 };
    const leftRows: { key: Key; reason: string | null }[] = [];
    const began = performance.now();
    let after: Key | undefined = from;
    let next: readonly Key[] = from ? [from] : [];
    let done = false;
    while (!done && !signal?.aborted) {
      const upTo: Key | undefined = await source.nthKey({ after, upTo: to }, CHUNK - 1);
      next = [...next, ...(await source.matching('true', { after, upTo: upTo ?? to }))];
      for (const { action, key, reason } of await repairRows(workshop, table, next)) {
        if (action === 'inserted' || action === 'updated' || action === 'left') counts[action]++;
        if (action === 'left' && leftRows.length < LISTED_MAX) leftRows.push({ key, reason });
      }
      counts.rows += next.length;
      after = upTo ?? next.at(-1) ?? after;
      if (after) options.progress?.({ rows: counts.rows, rowsExpected, upTo: after });
      next = [];
      done = upTo === undefined;
      const aheadMs = options.rate ? (counts.rows / options.rate) * 1_000 - (performance.now() - began) : 0;
      if (aheadMs > 0) await new Promise((wake) => setTimeout(wake, aheadMs));
    }
    return {
      ...{ capability, table: table.targetName, ...counts, left_rows: leftRows, complete: done },
      up_to: counts.rows > 0 ? (after ?? null) : null,
    };
  } finally {
    await Promise.all([disconnect(workshop.source), disconnect(workshop.target)]);
  }
}

async function expectedRows(
  { mapping, from, to }: BackfillOptions,
  { source }: Awaited<ReturnType<typeof openWorkshop>>,
) {
  if (from || to) return undefined;
  const { rows } = await source.query(
    `SELECT nullif(reltuples, -1)::float8 AS rows FROM pg_catalog.pg_class
     WHERE oid = format('%I.%I', $1::text, $2::text)::regclass`,
    [mapping.source.schema, mapping.source.name],
  );
  return rows[0].rows ?? undefined;
}
