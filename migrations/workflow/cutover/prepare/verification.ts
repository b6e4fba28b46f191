import type { Attempt } from '../attempt.ts';
import type { Finding } from './finding.ts';

/** Every row of both databases was proved equal, not long ago. Of a rollback it is not asked: it may have to be quick. */
export async function checkVerification({ verification, gates, migration, to, dryRun }: Attempt): Promise<Finding> {
  if (to === 'monolith') return { ok: true, found: 'not asked of a rollback', mend: null };
  const { capability } = migration;
  const { verdict, rows, ageMs, note } = await verification((age) => dryRun || age <= gates.verificationAgeMsMax);
  const age = ageMs < 120_000 ? `${Math.round(ageMs / 1_000)} s` : `${Math.round(ageMs / 60_000)} min`;
  if (verdict === 'equal') return { ok: true, found: `${rows} rows equal, verified ${age} ago`, mend: null };
  if (verdict === 'unknown') {
    const mend = `npx cdc verify --capability ${capability} says more`;
    return { ok: dryRun, found: note ?? 'it has never been verified; it would be', mend: dryRun ? null : mend };
  }
  return {
    ok: false,
    found: `${verdict}: ${note ?? `${rows} rows`}, verified ${age} ago`,
    mend: `npx cdc reconcile --capability ${capability} --dry-run`,
  };
}
