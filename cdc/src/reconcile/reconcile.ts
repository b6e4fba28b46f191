import type pg from 'pg';
import { beginApplying, repairOrigin } from '../apply/apply-session.ts';
import type { MigrationDatabases } from '../config.ts';
import { connect, disconnect } from '../database/connect.ts';
import { readTargetFacts } from '../database/target-facts.ts';
import { courseOf } from '../direction.ts';
import { uniqueTables } from '../refuse.ts';
import type { Direction } from '../stream-name.ts';
import type { ComparedTable } from '../verify/compared-table.ts';
import { LISTED_MAX, type VerifyReport } from '../verify/report.ts';
import { appliedPosition, type Difference } from '../verify/settle.ts';
import { VERIFY_LIMITS, type VerifyLimits, type VerifyOptions, verify } from '../verify/verify.ts';
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
  const { dryRun } = options;
  const { capability } = options.migration;
  const workshops = new Map<Direction, Workshop>();
  try {
    const open = async (direction: Direction): Promise<Workshop> => {
      const known = workshops.get(direction);
      if (known) return known;
      const opened = await openWorkshop(options, direction);
      workshops.set(direction, opened);
      return opened;
    };
    const tally = createTally();
    const leftOver: { readonly table: ComparedTable; readonly differences: readonly Difference[] }[] = [];
    const verification = await verify({
      ...options,
      async settled(table, { differences }) {
        if (dryRun) tally.plan(table, differences);
        else {
          const done = await repair(await open(table.direction), table, differences);
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
      tally.record(table, await repair(await open(table.direction), table, differences));
    }
    return { capability, dry_run: dryRun, ...tally.counts(), verification };
  } finally {
    const clients = [...workshops.values()].flatMap(({ source, target }) => [source, target]);
    await Promise.all(clients.map(disconnect));
  }
}

/** What repairs in one direction are made with: into the side that does not own the rows. */
export async function openWorkshop(
  options: MigrationDatabases & { readonly limits?: Partial<VerifyLimits> },
  direction: Direction,
): Promise<Workshop> {
  const { name, sourceUrl, targetUrl, mappings, origin } = courseOf(options, direction);
  const applicationName = 'strangler_reconcile';
  const source = await connect(sourceUrl, { applicationName });
  let target: pg.Client | undefined;
  try {
    target = await connect(targetUrl, { applicationName });
    await source.query('SET default_transaction_read_only = on');
    await beginApplying(target, repairOrigin(origin));
    const waitMs = options.limits?.waitMs ?? VERIFY_LIMITS.waitMs;
    return {
      ...{ source, target, name },
      facts: await readTargetFacts(target, uniqueTables(mappings.map((mapping) => mapping.target))),
      stream: appliedPosition({ source, target }, name, waitMs),
    };
  } catch (error) {
    await Promise.all([disconnect(source), disconnect(target)]);
    throw error;
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
