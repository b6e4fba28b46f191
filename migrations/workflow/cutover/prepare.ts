import * as guard from '../guard/index.ts';
import type { Attempt } from './attempt.ts';
import type { Finding } from './prepare/finding.ts';
import { checkForeignKeys } from './prepare/foreign-keys.ts';
import { checkGuard } from './prepare/guard.ts';
import { checkMapping } from './prepare/mapping.ts';
import { checkParity } from './prepare/parity.ts';
import { checkProxies } from './prepare/proxies.ts';
import { checkSequences } from './prepare/sequences.ts';
import { checkParked, checkStreams } from './prepare/streams.ts';
import { checkTransactions } from './prepare/transactions.ts';
import { checkVerification } from './prepare/verification.ts';
import { checkWriters } from './prepare/writers.ts';

/** One of the things that have to hold before the owner changes. */
export interface Check extends Finding {
  readonly check: CheckName;
  /** Somebody takes the responsibility for it, by name. */
  readonly forced: boolean;
  /** It stands in the way. */
  readonly stands: boolean;
}

const CHECKS = {
  guard: checkGuard,
  writers: checkWriters,
  proxies: checkProxies,
  streams: checkStreams,
  parked: checkParked,
  transactions: checkTransactions,
  sequences: checkSequences,
  'foreign-keys': checkForeignKeys,
  parity: checkParity,
  verification: checkVerification,
  mapping: checkMapping,
} as const satisfies Record<string, (attempt: Attempt) => Promise<Finding>>;

export type CheckName = keyof typeof CHECKS;

/** Without these the cut-over would not be slower or riskier, but wrong. */
const NEVER_FORCED: readonly CheckName[] = ['guard', 'streams', 'parked', 'sequences', 'transactions'];

/** What `--force` takes. */
export const FORCEABLE = (Object.keys(CHECKS) as CheckName[]).filter((name) => !NEVER_FORCED.includes(name));

/**
 * prepare: everything that can be known before anybody waits. It changes nothing that anybody notices: probes travel both
 * streams, sequences are put ahead, and a guard that observed begins to enforce what has been so all the while.
 */
export async function prepare(attempt: Attempt): Promise<readonly Check[]> {
  const look = async (check: CheckName): Promise<Check> => {
    const finding = await CHECKS[check](attempt).catch(unknown);
    const forced = !finding.ok && attempt.forced.has(check) && FORCEABLE.includes(check);
    return { check, ...finding, forced, stands: !finding.ok && !forced };
  };
  // The streams last and alone: a verification is work for both databases, and slows what would be measured.
  const names = (Object.keys(CHECKS) as CheckName[]).filter((name) => name !== 'streams');
  const checks = [...(await Promise.all(names.map(look))), await look('streams')];
  if (attempt.dryRun || checks.some(({ stands }) => stands)) return checks;
  const { databases, migration } = attempt;
  for (const side of ['monolith', 'service'] as const) {
    const found = await guard.readGuard(databases[side], migration.capability);
    if (found?.row.mode === 'observe') await guard.enforce(databases[side], migration.capability, found.row.epoch);
  }
  return checks;
}

function unknown(error: unknown): Finding {
  const { message } = error as Error;
  return { ok: false, found: `it could not be found out: ${message}`, mend: 'Mend that, and ask again.' };
}
