import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type Migration, reverseMapping, type TableMapping } from 'strangler-migrations/define';
import type { MigrationDatabases } from '../config.ts';
import { connect, disconnect } from '../database/connect.ts';
import { type Owner, readOwner } from '../ownership.ts';
import { refuseUnfit } from '../refuse.ts';
import type { Direction, StreamName } from '../stream-name.ts';
import type { Checkpoint } from './checkpoint.ts';
import { readColumnTypes, readHashFunctions } from './column-types.ts';
import { type ComparedTable, compareTable } from './compared-table.ts';
import { readForeignKeys } from './foreign-keys.ts';
import { type Key, readSide } from './read.ts';
import { LISTED_MAX, type ReportedDifference, type TableReport, type VerifyReport, verdictOf } from './report.ts';
import { appliedPosition, type Settled, settle } from './settle.ts';
import { compareSlice, type Sides } from './slice.ts';

export interface VerifyOptions extends MigrationDatabases {
  /** Only these mappings; all when undefined. */
  readonly only?: readonly TableMapping[];
  /** Rows per second that are compared at most; unlimited when undefined. */
  readonly rate?: number;
  /** How long it rests after each slice, in milliseconds; what differs is settled before. */
  readonly restMs?: number;
  /** Go on from here. */
  readonly from?: Checkpoint | undefined;
  readonly limits?: Partial<VerifyLimits>;
  /** Ends it at the next slice. */
  readonly signal?: AbortSignal;
  /** Told after each slice. */
  progress?(progress: VerifyProgress): void;
  /** Told before so many rows are looked at again, which waits for the stream. */
  settling?(table: string, suspects: number): void;
  /** Given how far it is, about once a second. */
  save?(checkpoint: Checkpoint): Promise<void>;
  /** Told what is beyond doubt as soon as it is. */
  settled?(table: ComparedTable, settled: Settled): Promise<void>;
}

/** Bounds of a verification. */
export interface VerifyLimits {
  /** Rows of one slice where the databases digest them. */
  readonly digestRows: number;
  /** Rows of one slice where rows travel. */
  readonly travelRows: number;
  /** Suspect rows after which they are settled before the next slice. */
  readonly suspectsMax: number;
  /** How long a stream may stand still before what waits for it is unsettled, in milliseconds. */
  readonly waitMs: number;
  /** How long one statement may take, in milliseconds. */
  readonly statementMs: number;
  /** How often `save` is called, in milliseconds. */
  readonly saveMs: number;
}

export const VERIFY_LIMITS: VerifyLimits = {
  digestRows: 100_000,
  travelRows: 5_000,
  suspectsMax: 10_000,
  waitMs: 30_000,
  statementMs: 120_000,
  saveMs: 1_000,
};

/** How far a verification is. */
export interface VerifyProgress {
  readonly table: string;
  readonly rows: number;
  /** By the source's statistics; undefined while it has none. */
  readonly rowsExpected: number | undefined;
  readonly suspects: number;
}

/** A verification was ended before it was done. */
export class VerifyInterrupted extends Error {
  override readonly name = 'VerifyInterrupted';
}

/** Nothing was ever brought to the target. */
export class NothingLoaded extends Error {
  override readonly name = 'NothingLoaded';
}

/** The ownership moved during a verification, so what was compared with what is no longer the question. */
export class OwnerMoved extends Error {
  override readonly name = 'OwnerMoved';

  constructor(capability: string) {
    super(`the ownership of ${capability} moved while it was verified: verify again`);
  }
}

/** What a checkpoint can be gone on with: the same tables in the same order. */
export function identify(mappings: readonly TableMapping[]): string {
  return mappings.map(({ source, target }) => `${source.schema}.${source.name}>${target.schema}.${target.name}`).join();
}

/**
 * Compares every row of the mapped tables of both stores: table by table, slice by slice, then what differed once more.
 * It reads only, and nothing of it is what copies.
 *
 * @throws {StreamStop} `declaration` when the declaration does not fit the databases.
 * @throws {NothingLoaded} before the first load.
 * @throws {VerifyInterrupted} when the signal ended it.
 * @throws {OwnerMoved} when the ownership moved meanwhile.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { migration } = options;
  const { capability } = migration;
  const limits = { ...VERIFY_LIMITS, ...options.limits };
  const monolith = await openReader(options.sourceUrl, limits);
  let service: pg.Client | undefined;
  try {
    service = await openReader(options.targetUrl, limits);
    await refuseUnfit(migration, monolith, service);
    const owner = await readOwner(service, capability);
    const parts = comparisons(migration, owner, options.only);
    for (const direction of new Set(parts.map((part) => part.direction))) {
      await refuseUnloaded(direction === 'forward' ? service : monolith, { capability, direction });
    }
    const functions = await readHashFunctions(monolith, service);
    const mappings = parts.map((part) => part.mapping);
    // One that was begun under another owner asked another question.
    const from = options.from?.of === identify(mappings) ? options.from : undefined;
    const run = begin({ ...options, from }, limits, mappings);
    if (!functions) {
      run.notes.push('The two servers hash differently (version or encoding), so every row was read from both.');
    }
    const stillTheQuestion = async () => {
      if ((await readOwner(service!, capability)).epoch !== owner.epoch) throw new OwnerMoved(capability);
    };
    for (const { mapping, direction } of parts) {
      const [source, target] = direction === 'forward' ? [monolith, service] : [service, monolith];
      const types = {
        source: await readColumnTypes(source, mapping.source),
        target: await readColumnTypes(target, mapping.target),
      };
      const table = compareTable(mapping, types, functions, direction);
      await verifyTable(run, { source, target }, table, stillTheQuestion);
    }
    await stillTheQuestion();
    return conclude(run, owner.side);
  } finally {
    await Promise.all([disconnect(monolith), disconnect(service)]);
  }
}

/** What is compared, each from the side that says how its rows have to be. */
function comparisons(
  migration: Migration,
  owner: Owner,
  only: readonly TableMapping[] = [...migration.tables, ...migration.follows],
): readonly { readonly mapping: TableMapping; readonly direction: Direction }[] {
  return only.map((mapping) =>
    owner.side === 'service' && migration.tables.includes(mapping)
      ? { mapping: reverseMapping(mapping), direction: 'reverse' }
      : { mapping, direction: 'forward' },
  );
}

/** A session that cannot write, and that waits for nothing long. */
async function openReader(url: string, limits: VerifyLimits): Promise<pg.Client> {
  const client = await connect(url, { applicationName: 'strangler_verify' });
  await client.query(
    `SET default_transaction_read_only = on; SET statement_timeout = ${limits.statementMs}; SET lock_timeout = '10s'`,
  );
  return client;
}

/** @throws {NothingLoaded} */
async function refuseUnloaded(target: pg.Client, { capability, direction }: StreamName): Promise<void> {
  const ledger = await target.query(`SELECT to_regclass('strangler.stream') IS NOT NULL AS present`);
  if (ledger.rows[0].present) {
    const { rowCount } = await target.query('SELECT FROM strangler.stream WHERE capability = $1 AND direction = $2', [
      capability,
      direction,
    ]);
    if (rowCount === 1) return;
  }
  throw new NothingLoaded(
    `the ${direction} stream of ${capability} has no position in the target, so there is nothing to verify yet: "npx cdc run" loads it`,
  );
}

interface Run {
  readonly options: VerifyOptions;
  readonly limits: VerifyLimits;
  readonly of: string;
  readonly startedAtMs: number;
  readonly beganAt: number;
  /** Rows that this process has compared. */
  rowsHere: number;
  savedAt: number;
  readonly resumed: Checkpoint | undefined;
  readonly tables: TableReport[];
  readonly differences: ReportedDifference[];
  readonly notes: string[];
  /** A stream that stood still once is not waited for as long again. */
  stalled: boolean;
}

function begin(options: VerifyOptions, limits: VerifyLimits, mappings: readonly TableMapping[]): Run {
  const { from } = options;
  return {
    ...{ options, limits, of: identify(mappings), resumed: from, rowsHere: 0, stalled: false },
    startedAtMs: from?.startedAtMs ?? Date.now(),
    beganAt: performance.now(),
    savedAt: performance.now(),
    tables: from?.tables.map((table) => ({ ...table })) ?? [],
    differences: [...(from?.differences ?? [])],
    notes: from ? [`Begun at ${new Date(from.startedAtMs).toISOString()} and gone on with.`] : [],
  };
}

async function verifyTable(
  run: Run,
  clients: { readonly source: pg.Client; readonly target: pg.Client },
  table: ComparedTable,
  stillTheQuestion: () => Promise<void>,
): Promise<void> {
  const { options, limits } = run;
  const place = findPlace(run, table);
  if (!place) return;
  const { report, resumed } = place;
  const seed = randomBytes(8).readBigInt64BE();
  const sides: Sides = {
    sourceClient: clients.source,
    targetClient: clients.target,
    source: readSide(clients.source, table.source, table.keyTypes, seed),
    target: readSide(clients.target, table.target, table.keyTypes, seed),
    keyWidth: table.keyTypes.length,
    digestible: report.method === 'digest',
  };
  const expected = await expectedRows(clients.source, table);
  const most = sides.digestible ? limits.digestRows : limits.travelRows;
  const sliceRows = Math.max(1, Math.min(most, options.rate ?? most));
  let after: Key | undefined = resumed?.after ?? undefined;
  let suspects: readonly Key[] = resumed?.suspects ?? [];
  let done = resumed?.done ?? false;

  const settleAll = async () => {
    if (suspects.length === 0) return;
    options.settling?.(table.sourceName, suspects.length);
    const name = { capability: options.migration.capability, direction: table.direction };
    const stream = appliedPosition(clients, name, run.stalled ? 0 : limits.waitMs);
    const settled = await settle(table, sides, suspects, stream, options.signal);
    await stillTheQuestion();
    await endIfTold();
    if (settled.stoodStill && !run.stalled) {
      run.stalled = true;
      run.notes.push(
        'The stream stood still, so rows that differ may only be waiting for it: is "npx cdc run" running?',
      );
    }
    record(run, table, report, settled);
    await options.settled?.(table, settled);
    suspects = [];
    await save();
  };
  const save = async () => {
    run.savedAt = performance.now();
    const { of, startedAtMs, tables, differences } = run;
    await options.save?.({
      ...{ of, startedAtMs, tables, differences, done },
      after: after ?? null,
      suspects: [...suspects],
    });
  };

  const endIfTold = async () => {
    if (!options.signal?.aborted) return;
    await save();
    throw new VerifyInterrupted('ended before it was done');
  };

  while (!done) {
    await endIfTold();
    const slice = await compareSlice(sides, after, sliceRows);
    report.rows += slice.rows;
    run.rowsHere += slice.rows;
    suspects = [...suspects, ...slice.suspects];
    after = slice.upTo;
    done = slice.upTo === undefined;
    options.progress?.({
      table: table.sourceName,
      rows: report.rows,
      rowsExpected: expected,
      suspects: suspects.length,
    });
    if (performance.now() - run.savedAt >= limits.saveMs) await save();
    if (suspects.length >= limits.suspectsMax || options.restMs !== undefined) await settleAll();
    await keepRate(run);
    if (!done && options.restMs !== undefined) await rest(options.restMs, options.signal);
  }
  await settleAll();
  await checkForeignKeys(run, clients, table, sides, report);
}

/** Looks for rows of the target that refer to nothing, slice by slice, and once more when the stream has passed. */
async function checkForeignKeys(
  run: Run,
  clients: { readonly source: pg.Client; readonly target: pg.Client },
  table: ComparedTable,
  { target }: Sides,
  report: TableReport,
): Promise<void> {
  const { options, limits } = run;
  const { tables, follows, capability } = options.migration;
  const name = { capability, direction: table.direction };
  const side = table.direction === 'forward' ? 'target' : 'source';
  const filled = new Set([...tables, ...follows].map((each) => `${each[side].schema}.${each[side].name}`));
  const { checked, foreign } = await readForeignKeys(clients.target, table, filled);
  if (foreign.length > 0) {
    const names = foreign.join(', ');
    run.notes.push(`${table.targetName}: not checked, as they refer to tables of others: foreign keys ${names}.`);
  }
  for (const foreignKey of checked) {
    let after: Key | undefined;
    do {
      if (options.signal?.aborted) throw new VerifyInterrupted('ended before it was done');
      const upTo = await target.nthKey({ after, upTo: undefined }, limits.digestRows);
      const found = await target.matching(foreignKey.orphaned, { after, upTo });
      after = upTo;
      if (found.length === 0) continue;
      // The stream brings whole transactions, so what refers to nothing now was not on its way. It may have gone since.
      const stream = appliedPosition(clients, name, run.stalled ? 0 : limits.waitMs);
      const passed = await stream.passed(await stream.sourceEnd());
      for (const key of passed ? await target.matching(foreignKey.orphaned, found) : found) {
        const reason = `${foreignKey.name}: no row of ${foreignKey.refersTo} is there`;
        note(run, table, report, key, { kind: passed ? 'orphan' : 'unsettled', columns: foreignKey.columns, reason });
      }
    } while (after);
  }
}

function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return sleep(ms, undefined, signal ? { signal } : {}).catch(() => {});
}

/** The table's part of the report, and where in the table to go on; undefined if that was done before. */
function findPlace(run: Run, table: ComparedTable) {
  const index = run.tables.findIndex((each) => each.source === table.sourceName && each.target === table.targetName);
  if (index < 0) {
    const method = table.source.hash === undefined ? ('rows' as const) : ('digest' as const);
    const report: TableReport = {
      ...{ source: table.sourceName, target: table.targetName, method },
      ...{ rows: 0, missing: 0, extra: 0, different: 0, orphan: 0, unsettled: 0 },
    };
    run.tables.push(report);
    return { report, resumed: undefined };
  }
  // Only the last one of a checkpoint may be unfinished.
  return index === run.tables.length - 1 && run.resumed
    ? { report: run.tables[index]!, resumed: run.resumed }
    : undefined;
}

function record(run: Run, table: ComparedTable, report: TableReport, { differences, unsettled }: Settled): void {
  for (const { key, kind, columns, reason = null } of differences)
    note(run, table, report, key, { kind, columns, reason });
  for (const key of unsettled) note(run, table, report, key, { kind: 'unsettled', columns: [], reason: null });
}

/** Counts it, and lists it while there is room. */
function note(
  run: Run,
  table: ComparedTable,
  report: TableReport,
  key: Key,
  more: Pick<ReportedDifference, 'kind' | 'columns' | 'reason'>,
): void {
  report[more.kind]++;
  if (run.differences.length >= LISTED_MAX) return;
  const named = Object.fromEntries(key.map((value, index) => [table.columns[index]!, value]));
  run.differences.push({ table: table.targetName, key: named, ...more });
}

async function keepRate({ options, rowsHere, beganAt }: Run): Promise<void> {
  if (options.rate === undefined) return;
  const aheadMs = (rowsHere / options.rate) * 1_000 - (performance.now() - beganAt);
  if (aheadMs > 0) await rest(aheadMs, options.signal);
}

async function expectedRows(client: pg.Client, { mapping }: ComparedTable): Promise<number | undefined> {
  const { rows } = await client.query(
    `SELECT sum(c.reltuples) FILTER (WHERE c.reltuples >= 0)::float8 AS rows
     FROM pg_catalog.pg_partition_tree(format('%I.%I', $1::text, $2::text)::regclass) AS p
     JOIN pg_catalog.pg_class c ON c.oid = p.relid WHERE p.isleaf`,
    [mapping.source.schema, mapping.source.name],
  );
  return rows[0].rows ?? undefined;
}

function conclude(run: Run, owner: Owner['side']): VerifyReport {
  const seconds = (performance.now() - run.beganAt) / 1_000;
  return {
    capability: run.options.migration.capability,
    owner,
    verdict: verdictOf(run.tables),
    seconds: Math.round(seconds * 1_000) / 1_000,
    rows_per_second: seconds > 0 ? Math.round(run.rowsHere / seconds) : 0,
    tables: run.tables,
    differences: run.differences,
    notes: run.notes,
  };
}
