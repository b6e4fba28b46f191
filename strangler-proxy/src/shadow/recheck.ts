import type { Comparison } from '../compare/comparison.ts';
import type { AskedAgain } from './ask-again.ts';
import { generalPlace } from './noise.ts';

/** Knows how far the store is that lags behind its owner's. */
export interface CatchUp {
  /**
   * Waits until the other store has all that the owner's had when this was called.
   *
   * @returns false if it did not come so far in time, or if nobody can tell
   */
  caughtUp(capability: string, timeoutMs: number): Promise<boolean>;
}

/** What {@link recheck} works with. */
export interface RecheckContext {
  readonly capability: string;
  readonly catchUp: CatchUp;
  readonly timeoutMs: number;
  ask(side: 'control' | 'candidate'): Promise<AskedAgain | undefined>;
  /** By the route's rules, and without its noise. */
  compare(control: AskedAgain, candidate: AskedAgain): Comparison;
}

/** What became of a mismatch once the lagging store had caught up. */
export type Rechecked =
  /** It is gone: the data had only not arrived. */
  | { readonly verdict: 'stale' }
  /** It still stands. */
  | {
      readonly verdict: 'mismatch';
      readonly comparison: Comparison;
      readonly control: AskedAgain;
      readonly candidate: AskedAgain;
    }
  /** The store did not catch up, a side did not answer, or the owner's answer never stood still. */
  | { readonly verdict: 'unsettled' };

/** An answer that changes more often than this in a row has no moment at which it could be compared. */
const roundsMax = 5;

/**
 * Asks both sides again about a mismatch.
 *
 * The control is asked, then its moment is waited for in the other store, then the candidate is asked, and the control
 * once more. So the candidate's answer lies between two of the control's: if it is one of them, the difference was a
 * matter of time. Where both of them agree and the candidate does not, it is wrong. Where the control itself has moved
 * on, nothing is known yet, and the next round begins.
 */
export async function recheck(context: RecheckContext): Promise<Rechecked> {
  let before = await context.ask('control');
  for (let round = 0; round < roundsMax && before !== undefined; round++) {
    if (!(await context.catchUp.caughtUp(context.capability, context.timeoutMs))) {
      break;
    }
    const candidate = await context.ask('candidate');
    const after = await context.ask('control');
    if (candidate === undefined || after === undefined) {
      break;
    }
    const earlier = context.compare(before, candidate);
    const later = context.compare(after, candidate);
    if (earlier.outcome !== 'mismatch' || later.outcome !== 'mismatch') {
      return { verdict: 'stale' };
    }
    if (standsStill(context.compare(before, after), earlier, later)) {
      return { verdict: 'mismatch', comparison: later, control: after, candidate };
    }
    before = after;
  }
  return { verdict: 'unsettled' };
}

/** Whether there is a place where the candidate differs from both of the control's answers, and these do not differ. */
function standsStill(control: Comparison, earlier: Comparison, later: Comparison): boolean {
  if (control.differenceCount === 0) {
    return true;
  }
  const [moved, first] = [placesOf(control), placesOf(earlier)];
  return [...placesOf(later)].some((place) => first.has(place) && !moved.has(place));
}

function placesOf({ differences }: Comparison): ReadonlySet<string> {
  return new Set(differences.map((difference) => `${difference.path} ${generalPlace(difference)}`));
}
