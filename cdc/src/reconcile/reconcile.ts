import { beginApplying, repairOrigin } from '../apply/apply-session.ts';
import { connect, disconnect } from '../database/connect.ts';
import { readTargetFacts } from '../database/target-facts.ts';
import { courseOf } from '../direction.ts';
import { uniqueTables } from '../refuse.ts';
import type { ComparedTable } from '../verify/compared-table.ts';
import { LISTED_MAX, type VerifyReport } from '../verify/report.ts';
import { appliedPosition, type Difference } from '../verify/settle.ts';
import { VERIFY_LIMITS, type VerifyOptions, verify } from '../verify/verify.ts';
import { type Repair, repair, type Workshop } from './repair.ts';

export interface ReconcileOptions extends Omit<VerifyOptions, 'settled' | 'from' | 'save'> {
  /** Only say what would be done. */
  readonly dryRun: boolean;
}

/** One row that was repaired, or would be. */
export interface ReportedRepair {
  /** The target's table. */
  readonly table: string;
  readonly action: Repair['action'] | 'insert' | 'update' | 'delete';
  readonly key: Readonly<Record<string, string>>;
  readonly reason: string | null;
}

/** What a reconciliation of one capability did. The keys are a contract. */
export interface ReconcileReport {
  readonly capability: string;
  readonly dry_run: boolean;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Differences that are still there: all of them in a dry run. */
  readonly left: number;
  /** The first of them. */
  readonly repairs: readonly ReportedRepair[];
  /** What was found before anything was repaired. */
  readonly verification: VerifyReport;
}

/**
 * Verifies, and repairs each row as soon as it is beyond doubt that it is not as it has to be. The stream may run on.
 *
 * A row that the target refuses is tried once more at the end: the row that stood in its way may be gone by then.
 */
export async function reconcile(options: ReconcileOptions): Promise<ReconcileReport> {
  const { migration, dryRun } = options;
  const applicationName = 'strangler_reconcile';
  const source = await connect(options.sourceUrl, { applicationName });
  const target = await connect(options.targetUrl, { applicationName }).catch(async (error) => {
    await disconnect(source);
    throw error;
  });
  try {
    await source.query('SET default_transaction_read_only = on');
    if (!dryRun) await beginApplying(target, repairOrigin(courseOf(options, 'forward').origin));
    const tables = [...migration.tables, ...migration.follows].map((mapping) => mapping.target);
    const waitMs = options.limits?.waitMs ?? VERIFY_LIMITS.waitMs;
    const { capability } = migration;
    const workshop: Workshop = {
      ...{ source, target, capability },
      facts: await readTargetFacts(target, uniqueTables(tables)),
      stream: appliedPosition({ source, target }, capability, waitMs),
    };
    const tally = createTally();
    const leftOver: { readonly table: ComparedTable; readonly differences: readonly Difference[] }[] = [];
    const verification = await verify({
      ...options,
      async settled(table, { differences }) {
        if (dryRun) tally.plan(table, differences);
        else {
          const done = await repair(workshop, table, differences);
          tally.record(
            table,
            done.filter((each) => each.action !== 'left'),
          );
          const left = new Set(done.filter((each) => each.action === 'left').map((each) => JSON.stringify(each.key)));
          const again = differences.filter(({ key }) => left.has(JSON.stringify(key)));
          if (again.length > 0) leftOver.push({ table, differences: again });
        }
      },
    });
    // What refers to others was declared after them, so it goes first here.
    for (const { table, differences } of leftOver.toReversed()) {
      tally.record(table, await repair(workshop, table, differences));
    }
    return { capability, dry_run: dryRun, ...tally.counts(), verification };
  } finally {
    await Promise.all([disconnect(source), disconnect(target)]);
  }
}

function createTally() {
  const counts = { inserted: 0, updated: 0, deleted: 0, left: 0 };
  const repairs: ReportedRepair[] = [];
  const list = (
    { targetName, columns }: ComparedTable,
    key: readonly string[],
    more: Pick<ReportedRepair, 'action' | 'reason'>,
  ) => {
    if (repairs.length >= LISTED_MAX) return;
    const named = Object.fromEntries(key.map((value, index) => [columns[index]!, value]));
    repairs.push({ table: targetName, key: named, ...more });
  };
  return {
    counts: () => ({ ...counts, repairs }),
    plan(table: ComparedTable, differences: readonly Difference[]) {
      const actions = { missing: 'insert', extra: 'delete', different: 'update' } as const;
      for (const { key, kind, reason = null } of differences) {
        counts.left++;
        list(table, key, { action: reason === null ? actions[kind] : 'left', reason });
      }
    },
    record(table: ComparedTable, done: readonly Repair[]) {
      for (const { key, action, reason } of done) {
        if (action !== 'none') counts[action]++;
        list(table, key, { action, reason });
      }
    },
  };
}
