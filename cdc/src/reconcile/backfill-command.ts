import { ConfigurationError, type MigrationDatabases } from '../config.ts';
import { chooseTables, parseRate, reportProgress } from '../verify/command.ts';
import type { Key } from '../verify/read.ts';
import { type BackfillReport, backfill } from './backfill.ts';

export interface BackfillCommand {
  readonly migrations: readonly MigrationDatabases[];
  readonly table?: string | undefined;
  /** Keys as they were typed: one value, or a JSON list where the key has several columns. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly rate?: string | undefined;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** `cdc backfill`. Gives the exit status: 0 all rows are there, 2 some are left, or it was ended. */
export async function runBackfill(command: BackfillCommand): Promise<number> {
  const rate = parseRate(command.rate);
  if (command.table === undefined) throw new ConfigurationError('cdc backfill: say which table, with --table');
  const reports: BackfillReport[] = [];
  for (const { databases, only } of chooseTables(command.migrations, command.table)) {
    for (const mapping of only) {
      const { capability } = databases.migration;
      const said = reportProgress(capability, 0);
      const table = `${mapping.source.schema}.${mapping.source.name}`;
      const width = mapping.key.length;
      const report = await backfill({
        ...databases,
        ...{ mapping, rate, signal: command.signal },
        from: parseKey('--from', command.from, width),
        to: parseKey('--to', command.to, width),
        progress: ({ rows, rowsExpected }) => said({ table, rows, rowsExpected, suspects: 0 }),
      });
      reports.push(report);
      if (!command.json) process.stdout.write(show(report));
    }
  }
  if (command.json) process.stdout.write(`${JSON.stringify({ backfills: reports })}\n`);
  return reports.every(({ left, complete }) => left === 0 && complete) ? 0 : 2;
}

function parseKey(name: string, typed: string | undefined, width: number): Key | undefined {
  if (typed === undefined) return undefined;
  if (width === 1) return [typed];
  let key: unknown;
  try {
    key = JSON.parse(typed);
  } catch {
    key = undefined;
  }
  if (Array.isArray(key) && key.length === width) return key.map(String);
  throw new ConfigurationError(
    `${name} ${typed}: the key has ${width} columns, so it has to be a JSON list of ${width}`,
  );
}

function show(report: BackfillReport): string {
  const { capability, table, rows, inserted, updated, left, complete, up_to } = report;
  const lines = report.left_rows.map(({ key, reason }) => `  left ${key.join(', ')}: ${reason}`);
  const end = complete ? [] : [`  ended behind ${JSON.stringify(up_to)}; begin again with --from`];
  return `${[`${capability}: ${table}: ${rows} rows: ${inserted} inserted, ${updated} updated, ${left} left`, ...lines, ...end].join('\n')}\n`;
}
