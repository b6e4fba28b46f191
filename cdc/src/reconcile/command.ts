import type { MigrationDatabases } from '../config.ts';
import { chooseTables, parseRate, reportProgress, reportSettling } from '../verify/command.ts';
import { showDifference } from '../verify/report.ts';
import { type ReconcileReport, reconcile } from './reconcile.ts';

export interface ReconcileCommand {
  readonly migrations: readonly MigrationDatabases[];
  /** Only mappings from or to this table: `prod`, or `schema.prod`. */
  readonly table?: string | undefined;
  /** Rows per second at most, as it was typed. */
  readonly rate?: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** `cdc reconcile`. Gives the exit status: 0 when all is equal now, 2 when something is left or was only looked at. */
export async function runReconcile(command: ReconcileCommand): Promise<number> {
  const rate = parseRate(command.rate);
  const reports: ReconcileReport[] = [];
  for (const { databases, only } of chooseTables(command.migrations, command.table)) {
    const report = await reconcile({
      ...databases,
      ...{ only, dryRun: command.dryRun, signal: command.signal },
      ...(rate === undefined ? {} : { rate }),
      progress: reportProgress(databases.migration.capability, 0),
      settling: reportSettling(databases.migration.capability),
    });
    reports.push(report);
    if (!command.json) process.stdout.write(showReconciled(report));
  }
  if (command.json) process.stdout.write(`${JSON.stringify({ reconciliations: reports })}\n`);
  if (command.dryRun && reports.some(({ left }) => left > 0)) {
    process.stderr.write('Nothing was changed. Next: npx cdc reconcile\n');
  }
  return reports.every(isDone) ? 0 : 2;
}

function isDone({ left, verification }: ReconcileReport): boolean {
  return left === 0 && verification.tables.every(({ unsettled }) => unsettled === 0);
}

function showReconciled({ capability, dry_run, repairs, verification, ...counts }: ReconcileReport): string {
  const { inserted, updated, deleted, left } = counts;
  const rows = verification.tables.reduce((sum, table) => sum + table.rows, 0);
  const lines = repairs.map(
    ({ action, table, key, reason }) =>
      `  ${dry_run ? 'would ' : ''}${showDifference({ kind: action, table, key, columns: [], reason })}`,
  );
  const unsettled = verification.differences.filter(({ kind }) => kind === 'unsettled').map(showDifference);
  return `${[
    `${capability}: ${rows} rows compared: ${inserted} inserted, ${updated} updated, ${deleted} deleted, ${left} left`,
    ...lines,
    ...unsettled.map((line) => `  ${line}`),
    ...verification.notes.map((note) => `  note: ${note}`),
  ].join('\n')}\n`;
}
