import type pg from 'pg';
import type { Text } from 'strangler-migrations/define';
import { type ChangeEvent, describeEvent } from '../change-event.ts';
import { copyIn } from '../database/copy-in.ts';
import { describeError, isTransient, StreamStop, sqlState } from '../errors.ts';
import type { Pace, StreamLimits } from '../limits.ts';
import { formatCopyLine } from '../load/copy-text.ts';
import type { RowChange, TargetTable } from '../map.ts';
import {
  arrayText,
  type CastTypes,
  copyStatement,
  deleteStatement,
  putStatement,
  setStatement,
  truncateStatement,
} from './statements.ts';

/** What the writer has to know about a target table. */
export interface TargetFacts {
  readonly castTypes: CastTypes;
  /** Has unique or exclusion constraints beside its key. */
  readonly otherUnique: boolean;
  /** COPY writes to it what INSERT does: an ordinary table, without rules and row security. */
  readonly copyable: boolean;
}

/** `schema.name` -> what is known of the target table. */
export type TargetTables = ReadonlyMap<string, TargetFacts>;

/** What the writer asks before each statement; it copies only where `careful` is false. */
interface WriterPace extends Partial<Pick<Pace, 'careful' | 'occupied'>> {
  /** Bounds of one statement. */
  readonly limits: Pick<StreamLimits, 'runRowsMax' | 'runCharactersMax'>;
}

/** Writes row changes in the order in which they come. */
export interface RowWriter {
  /**
   * Takes a change; a promise when it is not to be given more before something is written.
   *
   * @throws {StreamStop} `refused` or `row-missing`, or the driver's error if it is transient: of a change before it.
   */
  add(change: RowChange, event: ChangeEvent): Promise<void> | undefined;
  /** Waits for what is being written. Whoever uses the session beside the writer has to. @throws as `add` does. */
  settled(): Promise<void>;
  /** Writes all that was taken. @throws as `add` does. */
  flush(): Promise<void>;
}

/**
 * Consecutive changes of one table and one kind become one statement: a *run*. A run ends where the next change is of
 * another table or kind, where a key repeats (one statement cannot write a row twice), and at its bounds. So the order of
 * the source is kept wherever it can be seen. While the database works on one statement the next one is put together.
 */
export function createRowWriter(client: pg.Client, tables: TargetTables, pace: WriterPace): RowWriter {
  let run: Run | undefined;
  let writing: Promise<void> | undefined;

  const failed = (error: unknown): never => {
    run = undefined;
    writing = undefined;
    throw error;
  };
  /** Has the run written after the one that is being written, for which the promise stands. */
  const start = (full: Run): Promise<void> | undefined => {
    const before = writing;
    writing = (before ?? Promise.resolve()).then(() => writeRun(client, full, pace));
    // Whoever waits next is told.
    writing.catch(() => {});
    return before?.catch(failed);
  };
  const settled = async () => {
    const last = writing;
    if (!last) return;
    await last.catch(failed);
    if (writing === last) writing = undefined;
  };

  return {
    add(change, event) {
      const key = keyOf(change);
      if (run && fits(run, change, key, pace.limits)) {
        addToRun(run, change, key);
        return undefined;
      }
      const full = run;
      run = openRun(change, event, tables.get(`${change.table.schema}.${change.table.name}`)!);
      addToRun(run, change, key);
      return full && start(full);
    },
    settled,
    async flush() {
      const full = run;
      run = undefined;
      if (full) await start(full);
      await settled();
    },
  };
}

interface Run {
  readonly kind: RowChange['kind'];
  readonly table: TargetTable;
  readonly facts: TargetFacts;
  /** Of a truncate: all tables that it empties together. */
  readonly tables: TargetTable[];
  /** Of partial rows: which columns; only those with the same ones are one statement. */
  readonly columns: readonly number[];
  /** Only one row: a statement that joins does not keep the order in which unique values pass from row to row. */
  readonly single: boolean;
  /** Of each row what the statement takes: all values, or those of the key and then the others. */
  readonly rows: (readonly Text[])[];
  readonly keys: Set<string>;
  readonly first: ChangeEvent;
  /** None of its rows is there. */
  fresh: boolean;
  characters: number;
}

function openRun(change: RowChange, first: ChangeEvent, facts: TargetFacts): Run {
  const { kind, table } = change;
  const columns = kind === 'set' ? change.columns : [];
  return {
    ...{ kind, table, facts, columns, first },
    single: kind === 'set' && (facts.otherUnique || columns.some((column) => column < table.keyWidth)),
    fresh: kind === 'put' && change.fresh === true,
    ...{ tables: [], rows: [], keys: new Set<string>(), characters: 0 },
  };
}

/** A run of new rows that is shorter than this is better written with others than by itself. */
const COPY_ROWS_MIN = 10;

function fits(run: Run, change: RowChange, key: string, limits: WriterPace['limits']): boolean {
  if (run.kind !== change.kind) return false;
  if (change.kind === 'truncate') return true;
  if (run.table !== change.table || run.single) return false;
  if (run.rows.length >= limits.runRowsMax || run.characters >= limits.runCharactersMax) return false;
  if (change.kind === 'set' && run.columns.join() !== change.columns.join()) return false;
  if (change.kind === 'put' && run.fresh && !change.fresh && run.rows.length >= COPY_ROWS_MIN) return false;
  return !run.keys.has(key);
}

function addToRun(run: Run, change: RowChange, key: string): void {
  if (change.kind === 'truncate') {
    run.tables.push(change.table);
    return;
  }
  const row = valuesOf(change);
  if (change.kind === 'put' && !change.fresh) run.fresh = false;
  run.keys.add(key);
  run.rows.push(row);
  for (let index = 0; index < row.length; index++) run.characters += row[index]?.length ?? 4;
}

function valuesOf(change: Exclude<RowChange, { kind: 'truncate' }>): readonly Text[] {
  switch (change.kind) {
    case 'put':
      return change.values;
    case 'set':
      return [...change.key, ...change.values];
    case 'delete':
      return change.key;
  }
}

function keyOf(change: RowChange): string {
  if (change.kind === 'truncate') return '';
  const { keyWidth } = change.table;
  const key = change.kind === 'put' ? change.values : change.key;
  return keyWidth === 1 ? String(key[0]) : key.slice(0, keyWidth).join('\u0000');
}

function statementFor({ kind, table, columns, facts }: Run): string {
  switch (kind) {
    case 'put':
      return putStatement(table, facts.castTypes);
    case 'set':
      return setStatement(table, columns, facts.castTypes);
    case 'delete':
      return deleteStatement(table, facts.castTypes);
    case 'truncate':
      return '';
  }
}

async function writeRun(client: pg.Client, run: Run, pace: WriterPace): Promise<void> {
  const { schema, name } = run.table;
  const copies = run.fresh && run.rows.length >= COPY_ROWS_MIN && run.facts.copyable && pace.careful === false;
  const copied = copies && !pace.occupied?.has(`${schema}.${name}`);
  try {
    if (run.kind === 'truncate') {
      await client.query(truncateStatement([...new Set(run.tables)]));
    } else if (copied) {
      await copyIn(client, copyStatement(run.table), run.rows.map(formatCopyLine).join(''));
    } else {
      const statement = statementFor(run);
      const values = run.rows[0]!.map((_, column) => arrayText(run.rows.map((row) => row[column]!)));
      const result = await client.query({ ...prepared(client, statement), text: statement, values });
      if (run.kind === 'set' && result.rowCount !== run.rows.length) {
        throw new StreamStop(
          'row-missing',
          `${about(run)}: the target's ${schema}.${name} has only ${result.rowCount} of the rows that it changes in part`,
          'Something else than this stream has written to the target. Bring the row back there, with its key and any values; the stream goes on by itself.',
        );
      }
    }
  } catch (error) {
    if (copied && sqlState(error) === UNIQUE_VIOLATION) pace.occupied?.add(`${schema}.${name}`);
    if (error instanceof StreamStop || isTransient(error)) throw error;
    if (sqlState(error)?.startsWith(GUARD_CLASS)) {
      const { hint } = error as { hint?: string };
      throw new StreamStop('guarded', `${about(run)}: ${describeError(error)}`, hint ?? GUARD_FIX, error);
    }
    throw new StreamStop(
      'refused',
      `${about(run)}: the target's ${schema}.${name} refuses it: ${describeError(error)}`,
      'Mend the row that stands in the way, the constraint, or the mapping; the stream goes on by itself.',
      error,
    );
  }
}

/** The class of the errors that the guard of a capability's tables raises (migrations/workflow/guard). */
const GUARD_CLASS = 'ST';
const GUARD_FIX = 'npx strangler status says who owns the capability and what is to be done.';

const UNIQUE_VIOLATION = '23505';

const PREPARED_MAX = 200;

/** Session -> statement -> the name under which it is prepared there. */
const preparedNames = new WeakMap<pg.Client, Map<string, string>>();

/** Nothing for those beyond the bound. */
function prepared(client: pg.Client, statement: string): { readonly name?: string } {
  const names = preparedNames.get(client) ?? new Map<string, string>();
  preparedNames.set(client, names);
  const name = names.get(statement) ?? `strangler_rows_${names.size}`;
  if (!names.has(statement) && names.size >= PREPARED_MAX) return {};
  names.set(statement, name);
  return { name };
}

function about(run: Run): string {
  const count = run.rows.length;
  return count <= 1 ? describeEvent(run.first) : `${count} changes from ${describeEvent(run.first)} on`;
}
