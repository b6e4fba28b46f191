import type { FlagState, ReadState, Stage } from './stages.ts';
import type { Strategy, Unleash } from './unleash.ts';

/** What a route is to become. */
export interface WantedStage {
  readonly stage: Stage;
  /** Percent, for `shadow` and `canary`; 100 otherwise. */
  readonly share: number;
}

/** One call to Unleash. */
export interface FlagChange {
  readonly flag: string;
  readonly change: 'on' | 'off' | 'share';
  /** Percent; only with `share`. */
  readonly share?: number;
}

/** A stage cannot be set by this command; the message says what to do instead. */
export class StageError extends Error {
  override readonly name = 'StageError';
}

/**
 * The calls that lead from one stage to the other, in an order in which no visitor sees a share that nobody asked for:
 * a flag is off while, or has its new share before, it is on. Nothing that is as wanted already is called again.
 *
 * `shadow` and `off` stop serving; `canary` and `live` leave the shadowing as it is, so that a comparison goes on.
 *
 * @throws {StageError} if a flag is missing, or a person has given it strategies that are more than a share.
 */
export function planStage(
  state: ReadState,
  wanted: WantedStage,
  flagUrl: (flag: string) => string,
): readonly FlagChange[] {
  switch (wanted.stage) {
    case 'off':
      return [...turnOff(state.serve), ...turnOff(state.shadow)];
    case 'shadow':
      return [...turnOff(state.serve), ...turnOn(state.shadow, wanted.share, flagUrl)];
    default:
      return turnOn(state.serve, wanted.share, flagUrl);
  }
}

/** Makes the calls of {@link planStage}, one after the other. @throws {UnleashError}; the calls before it stay made. */
export async function applyStage(unleash: Unleash, state: ReadState, changes: readonly FlagChange[]): Promise<void> {
  for (const { flag, change, share } of changes) {
    const found = (flag === state.serve.flag ? state.serve : state.shadow).found;
    if (found === undefined) throw new StageError(`There is no flag ${flag}: run "strangler create"`);
    if (change === 'share') await unleash.setShare(found, rolloutOf(found.strategies) as Strategy, share as number);
    else await unleash.setEnabled(found, change === 'on');
  }
}

function turnOff({ flag, enabled }: FlagState): readonly FlagChange[] {
  return enabled ? [{ flag, change: 'off' }] : [];
}

function turnOn(state: FlagState, share: number, flagUrl: (flag: string) => string): readonly FlagChange[] {
  const { flag, found, enabled } = state;
  if (found === undefined) throw new StageError(`There is no flag ${flag}, or it is archived. Run "strangler create".`);
  if (rolloutOf(found.strategies) === undefined || state.share === null) {
    const why = 'a person has given it something other than one gradual rollout';
    throw new StageError(`${flag} is left alone, as ${why}. Change it there: ${flagUrl(flag)}`);
  }
  const changes: FlagChange[] = [];
  if (state.share !== share) changes.push({ flag, change: 'share', share });
  if (!enabled) changes.push({ flag, change: 'on' });
  return changes;
}

function rolloutOf(strategies: readonly Strategy[]): Strategy | undefined {
  return strategies.find((strategy) => strategy.name === 'flexibleRollout');
}
