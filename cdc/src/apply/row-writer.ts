import type pg from 'pg';
import type { Text } from 'strangler-migrations/define';
import { type ChangeEvent, describeEvent } from '../change-event.ts';
import { describeError, isTransient, StreamStop, sqlState } from '../errors.ts';
import type { StreamLimits } from '../limits.ts';
import type { RowChange, TargetTable } from '../map.ts';
import {
  appendElement,
  type CastTypes,
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
}

/** `schema.name` -> what is known of the target table. */
export type TargetTables = ReadonlyMap<string, TargetFacts>;

/** Bounds of one statement. */
type RunLimits = Pick<StreamLimits, 'runRowsMax' | 'runCharactersMax'>;

/** Writes row changes in the order in which they come. */
export interface RowWriter {
  /** Takes a change; a promise when that has made a statement complete, which is then being written. */
  add(change: RowChange, event: ChangeEvent): Promise<void> | undefined;
  /** Writes what was taken. @throws {StreamStop} `refused` or `row-missing`, or the driver's error if it is transient. */
  flush(): Promise<void>;
}

/**
 * Consecutive changes of one table and one kind become one statement: a *run*. A run ends where the next change is of
 * another table or kind, where a key repeats (one statement cannot write a row twice), and at its bounds. So the order of
 * the source is kept wherever it can be seen.
 */
export function createRowWriter(
  client: pg.Client,
  tables: TargetTables,
  pace: { readonly limits: RunLimits },
): RowWriter {
  let run: Run | undefined;

  const flush = async () => {
    const full = run;
    run = undefined;
    if (full) await writeRun(client, full);
  };
  const begin = (change: RowChange, event: ChangeEvent) => {
    run = openRun(change, event, tables.get(`${change.table.schema}.${change.table.name}`)!);
    addToRun(run, change);
  };

  return {
    add(change, event) {
      const full = run && !fits(run, change, pace.limits);
      if (!full) {
        if (run) addToRun(run, change);
        else begin(change, event);
        return undefined;
      }
      return flush().then(() => begin(change, event));
    },
    flush,
  };
}

interface Run {
  readonly kind: RowChange['kind'];
  readonly table: TargetTable;
  /** Of a truncate: all tables that it empties together. */
  readonly tables: TargetTable[];
  /** What tells a run of partial rows from one with other columns. */
  readonly shape: string;
  readonly statement: string;
  /** Only one row: a statement that joins does not keep the order in which unique values pass from row to row. */
  readonly single: boolean;
  /** Array literals, one per parameter, without their braces. */
  readonly arrays: string[];
  readonly keys: Set<string>;
  readonly first: ChangeEvent;
  rows: number;
  characters: number;
}

function openRun(change: RowChange, first: ChangeEvent, facts: TargetFacts): Run {
  const { kind, table } = change;
  const width = parametersOf(change).length;
  return {
    kind,
    table,
    tables: [],
    shape: shapeOf(change),
    statement: statementFor(change, facts),
    single: kind === 'set' && (facts.otherUnique || change.columns.some((column) => column < table.keyWidth)),
    arrays: Array.from({ length: width }, () => ''),
    keys: new Set(),
    first,
    rows: 0,
    characters: 0,
  };
}

function fits(run: Run, change: RowChange, limits: RunLimits): boolean {
  if (run.kind !== change.kind) return false;
  if (change.kind === 'truncate') return true;
  if (run.table !== change.table || run.single) return false;
  if (run.rows >= limits.runRowsMax || run.characters >= limits.runCharactersMax) return false;
  if (change.kind === 'set' && run.shape !== shapeOf(change)) return false;
  return !run.keys.has(keyOf(change));
}

function addToRun(run: Run, change: RowChange): void {
  run.rows++;
  if (change.kind === 'truncate') {
    run.tables.push(change.table);
    return;
  }
  run.keys.add(keyOf(change));
  const parameters = parametersOf(change);
  for (let index = 0; index < parameters.length; index++) {
    const value = parameters[index]!;
    run.arrays[index] = appendElement(run.arrays[index]!, value);
    run.characters += value === null ? 4 : value.length;
  }
}

function parametersOf(change: RowChange): readonly Text[] {
  switch (change.kind) {
    case 'put':
      return change.values;
    case 'set':
      return [...change.key, ...change.values];
    case 'delete':
      return change.key;
    case 'truncate':
      return [];
  }
}

function keyOf(change: Exclude<RowChange, { kind: 'truncate' }>): string {
  const { keyWidth } = change.table;
  const key = change.kind === 'put' ? change.values : change.key;
  return keyWidth === 1 ? String(key[0]) : key.slice(0, keyWidth).join('\u0000');
}

function shapeOf(change: RowChange): string {
  return change.kind === 'set' ? change.columns.join() : '';
}

function statementFor(change: RowChange, facts: TargetFacts): string {
  switch (change.kind) {
    case 'put':
      return putStatement(change.table, facts.castTypes);
    case 'set':
      return setStatement(change.table, change.columns, facts.castTypes);
    case 'delete':
      return deleteStatement(change.table, facts.castTypes);
    case 'truncate':
      return '';
  }
}

async function writeRun(client: pg.Client, run: Run): Promise<void> {
  try {
    if (run.kind === 'truncate') {
      await client.query(truncateStatement([...new Set(run.tables)]));
      return;
    }
    const values = run.arrays.map((array) => `{${array}}`);
    const result = await client.query({ text: run.statement, values });
    if (run.kind === 'set' && result.rowCount !== run.rows) {
      throw new StreamStop(
        'row-missing',
        `${about(run)}: the target's ${run.table.schema}.${run.table.name} has only ${result.rowCount} of the rows that it changes in part`,
        'Something else than this stream has written to the target. Bring the row back there, with its key and any values; the stream goes on by itself.',
      );
    }
  } catch (error) {
    if (error instanceof StreamStop || isTransient(error)) throw error;
    if (sqlState(error)?.startsWith(GUARD_CLASS)) {
      const { hint } = error as { hint?: string };
      throw new StreamStop('guarded', `${about(run)}: ${describeError(error)}`, hint ?? GUARD_FIX, error);
    }
    throw new StreamStop(
      'refused',
      `${about(run)}: the target's ${run.table.schema}.${run.table.name} refuses it: ${describeError(error)}`,
      'Mend the row that stands in the way, the constraint, or the mapping; the stream goes on by itself.',
      error,
    );
  }
}

/** The class of the errors that the guard of a capability's tables raises (migrations/workflow/guard). */
const GUARD_CLASS = 'ST';
const GUARD_FIX = 'npx strangler status says who owns the capability and what is to be done.';

function about(run: Run): string {
  return run.rows === 1 ? describeEvent(run.first) : `${run.rows} changes from ${describeEvent(run.first)} on`;
}
