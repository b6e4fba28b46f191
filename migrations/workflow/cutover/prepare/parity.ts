import type { ProxyState } from '../../control/proxies.ts';
import type { Attempt } from '../attempt.ts';
import type { Finding } from './finding.ts';

/** How the answers of both sides have compared, over all proxies and read routes of a capability. */
export interface ParityFigures {
  readonly value: number | null;
  readonly sample: number;
}

/** Parity: matches / (matches + mismatches + errors). */
export function parityOf(states: readonly ProxyState[], capability: string, route?: string): ParityFigures {
  let [matches, sample] = [0, 0];
  for (const { report } of states) {
    for (const each of report?.figures.routes ?? []) {
      if (each.capability !== capability || (route !== undefined && each.route !== route)) continue;
      const { match = 0, mismatch = 0, error = 0 } = each.outcomes ?? {};
      matches += match;
      sample += match + mismatch + error;
    }
  }
  return { value: sample === 0 ? null : matches / sample, sample };
}

/** Both sides answered alike, often enough. Of a rollback nothing is asked: the monolith answered before. */
export async function checkParity({ proxies, migration, gates, to }: Attempt): Promise<Finding> {
  if (to === 'monolith') return { ok: true, found: 'not asked of a rollback', mend: null };
  const { value, sample } = parityOf(proxies.states(), migration.capability);
  const { parityMin, comparisonsMin } = gates;
  const found = `${value === null ? 'nothing' : `${(value * 100).toFixed(2)} % equal`} in ${sample} comparisons`;
  if (sample >= comparisonsMin && (value ?? 0) >= parityMin) return { ok: true, found, mend: null };
  const wanted = `${parityMin * 100} % in at least ${comparisonsMin} are asked for`;
  return {
    ok: false,
    found: `${found}; ${wanted}`,
    mend: `strangler stage ${migration.capability}.<route> shadow, and look at the differences on the proxy's page`,
  };
}
