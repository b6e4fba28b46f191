import type { Difference } from './settle.ts';

/** What was found of one mapped table. The keys are a contract. */
export interface TableReport {
  /** `schema.name`. */
  readonly source: string;
  readonly target: string;
  /** `digest`: in the databases. `rows`: read from both, as a hand-written pair or a type of one's own needs it. */
  readonly method: 'digest' | 'rows';
  /** Rows that were compared, of the larger side. */
  rows: number;
  missing: number;
  extra: number;
  different: number;
  /** Rows of the target that refer to a row which is not there, once for each of their foreign keys. */
  orphan: number;
  /** Rows that kept changing, or that the stream did not come to. */
  unsettled: number;
}

/** One row that is not as it has to be. */
export interface ReportedDifference {
  /** The target's table. */
  readonly table: string;
  readonly kind: Difference['kind'] | 'orphan' | 'unsettled';
  /** The target's key columns as text. */
  readonly key: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  /** Why the mapping cannot carry the source's row, or what an orphan refers to; else null. */
  readonly reason: string | null;
}

/** What a verification of one capability found. The keys are a contract. */
export interface VerifyReport {
  readonly capability: string;
  /** Whose rows the others had to equal; what the service only follows is the monolith's whoever that is. */
  readonly owner: 'monolith' | 'service';
  /** `equal`: every row was proved to be. `unsettled`: nothing is known to be wrong, and not every row to be right. */
  readonly verdict: 'equal' | 'different' | 'unsettled';
  readonly seconds: number;
  readonly rows_per_second: number;
  readonly tables: readonly TableReport[];
  /** The first of them: the counts of the tables are of all. */
  readonly differences: readonly ReportedDifference[];
  readonly notes: readonly string[];
}

/** How many differences a report lists at most; all are counted. */
export const LISTED_MAX = 1_000;

export function verdictOf(tables: readonly TableReport[]): VerifyReport['verdict'] {
  if (tables.some((table) => table.missing + table.extra + table.different + table.orphan > 0)) return 'different';
  return tables.some((table) => table.unsettled > 0) ? 'unsettled' : 'equal';
}

/** For people. */
export function showReport(report: VerifyReport): string {
  const lines = [`${report.capability}: ${report.verdict}`];
  for (const table of report.tables) {
    const { missing, extra, different, orphan, unsettled } = table;
    const found = Object.entries({ missing, extra, different, orphan, unsettled }).filter(([, count]) => count > 0);
    const what = found.length === 0 ? 'equal' : found.map(([name, count]) => `${count} ${name}`).join(', ');
    lines.push(`  ${table.source} -> ${table.target}: ${table.rows} rows by ${table.method}: ${what}`);
  }
  lines.push(...report.differences.map((difference) => `  ${showDifference(difference)}`));
  const counted = report.tables.reduce(
    (sum, each) => sum + each.missing + each.extra + each.different + each.orphan + each.unsettled,
    0,
  );
  if (counted > report.differences.length) lines.push(`  and ${counted - report.differences.length} more`);
  lines.push(...report.notes.map((note) => `  note: ${note}`));
  lines.push(`  ${report.seconds} s, ${report.rows_per_second} rows/s`);
  return `${lines.join('\n')}\n`;
}

/** `different  public.product (id=7): price_cents, name`. */
export function showDifference({
  kind,
  table,
  key,
  columns,
  reason,
}: Omit<ReportedDifference, 'kind'> & { readonly kind: string }): string {
  const name = Object.entries(key).map(([column, value]) => `${column}=${value}`);
  const detail = [...(columns.length > 0 ? [columns.join(', ')] : []), ...(reason === null ? [] : [reason])];
  return `${kind.padEnd(9)}  ${table} (${name.join(', ')})${detail.length > 0 ? `: ${detail.join('; ')}` : ''}`;
}
