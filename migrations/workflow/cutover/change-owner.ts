import { failpoint } from '../control/failpoint.ts';
import { type Attempt, LEADERSHIP_LOST, type Step, StepFailed } from './attempt.ts';
import { check } from './check.ts';
import { drain } from './drain.ts';
import { fence } from './fence.ts';
import { flip } from './flip.ts';
import { hold } from './hold.ts';
import { open } from './open.ts';
import { type Check, prepare } from './prepare.ts';
import { release } from './release.ts';
import { undo } from './undo.ts';

/** How an attempt ended. */
export type Outcome =
  /** Nothing was touched. */
  | { readonly state: 'refused'; readonly checks: readonly Check[] }
  /** Everything is as it was, but for the epoch. */
  | {
      readonly state: 'undone';
      readonly checks: readonly Check[];
      readonly step: Step;
      readonly why: string;
      readonly mend: string;
    }
  | { readonly state: 'done'; readonly checks: readonly Check[]; readonly figures: Figures };

/** Milliseconds of each step, and of the pause that writers saw: from the order to hold to the order to release. */
export type Figures = Readonly<Partial<Record<Step, number>> & { pause: number }>;

/** What can be undone, and the decision, in their order. */
const BEFORE = [
  ['hold', hold],
  ['fence', fence],
  ['drain', drain],
  ['check', check],
  ['flip', flip],
] as const;

/** What there is to do once it is decided. */
const AFTER = [
  ['open', open],
  ['release', release],
] as const;

/**
 * Moves the writes of one capability from one side to the other.
 *
 * Until the flip, the old owner's guard row says `open` or `fenced`, and anything that goes wrong is undone. The flip is
 * the decision: from then on the only way is forward, whatever happens, and whoever does it.
 */
export async function changeOwner(attempt: Attempt): Promise<Outcome> {
  const clock = stopwatch();
  attempt.begin('prepare');
  const checks = await prepare(attempt);
  if (checks.some(({ stands }) => stands)) return { state: 'refused', checks };
  clock.lap('prepare');

  const failure = await take(BEFORE, attempt, clock).then(() => undefined, asFailure);
  if (failure !== undefined) {
    failpoint('before-undo');
    const found = await undo(attempt);
    failpoint('after-undo');
    // Nobody could say how the flip had ended, and now the row has said it.
    if (found === 'undone') return { state: 'undone', checks, ...failure };
  }

  await take(AFTER, attempt, clock);
  return { state: 'done', checks, figures: clock.figures() };
}

type Clock = ReturnType<typeof stopwatch>;

async function take(
  steps: readonly (readonly [Exclude<Step, 'prepare'>, (attempt: Attempt) => Promise<void>])[],
  attempt: Attempt,
  clock: Clock,
): Promise<void> {
  for (const [step, run] of steps) {
    attempt.begin(step);
    failpoint(`before-${step}`);
    try {
      await run(attempt);
    } catch (error) {
      if (error instanceof StepFailed || error === LEADERSHIP_LOST) throw error;
      throw new StepFailed(step, (error as Error).message, 'Look into the log of the control plane, and try again.');
    }
    failpoint(`after-${step}`);
    clock.lap(step);
  }
}

function asFailure(error: unknown): { step: Step; why: string; mend: string } {
  if (!(error instanceof StepFailed)) throw error;
  const { step, message: why, mend } = error;
  return { step, why, mend };
}

/** Times the steps, and the pause: from when writes are held to when they are let go. */
function stopwatch() {
  const laps: Partial<Record<Step, number>> = {};
  const began = performance.now();
  let since = began;
  return {
    lap(step: Step) {
      const now = performance.now();
      laps[step] = Math.round(now - since);
      since = now;
    },
    figures: (): Figures => ({ ...laps, pause: Math.round(performance.now() - began) - (laps.prepare ?? 0) }),
  };
}
