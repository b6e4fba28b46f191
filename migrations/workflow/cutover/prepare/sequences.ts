import type { Attempt } from '../attempt.ts';
import { leads, putSequencesAhead } from '../sequences.ts';
import type { Finding } from './finding.ts';

/** The new owner will not give an id that the old one has given. */
export async function checkSequences(attempt: Attempt): Promise<Finding> {
  if (!attempt.dryRun) await putSequencesAhead(attempt);
  const found = await leads(attempt);
  const behind = found.filter(({ given, last }) => last <= given);
  const shown = found.map(({ sequence, given, last }) => `${sequence} at ${last}, ids given up to ${given}`).join('; ');
  if (behind.length === 0 || attempt.dryRun) {
    return { ok: true, found: shown === '' ? 'no key is filled by one' : shown, mend: null };
  }
  return { ok: false, found: shown, mend: 'Give the workflow the right to UPDATE these sequences' };
}
