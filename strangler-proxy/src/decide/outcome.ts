import type { Unleash } from 'unleash-client';
import type { Outcome } from './decide.ts';

type Definition = NonNullable<ReturnType<Unleash['getFeatureToggleDefinition']>>;
type Strategy = NonNullable<Definition['strategies']>[number];

/**
 * What a flag says to everyone, or `ask` if that depends on who asks. It must never disagree with an evaluation by the
 * client: whatever it does not know is `ask`.
 */
export function outcomeOf(flag: Definition | undefined): Outcome {
  if (flag === undefined || flag.enabled !== true) return 'never';
  if (flag.dependencies !== undefined && flag.dependencies.length > 0) return 'ask';
  const { strategies } = flag;
  if (!Array.isArray(strategies)) return 'never';
  if (strategies.length === 0) return 'always';
  const outcomes = strategies.map(outcomeOfStrategy);
  // The first strategy that says yes decides.
  if (outcomes.includes('always')) return 'always';
  return outcomes.includes('ask') ? 'ask' : 'never';
}

function outcomeOfStrategy({ name, parameters, constraints, segments }: Strategy): Outcome {
  if (name === 'flexibleRollout' && !(Number(parameters?.rollout) > 0)) return 'never';
  if ((constraints?.length ?? 0) > 0 || (segments?.length ?? 0) > 0) return 'ask';
  if (name === 'default') return 'always';
  if (name !== 'flexibleRollout') return 'ask';
  // Another stickiness names a field of the context, and whoever lacks the field is out, even of all.
  const sticksToVisitor = /^(?:default|sessionId)$/.test(String(parameters?.stickiness ?? 'default'));
  return Number(parameters?.rollout) >= 100 && sticksToVisitor ? 'always' : 'ask';
}

/**
 * The share that a flag gives, from 0 to 1, for people to read; null if it cannot be told without knowing who asks.
 */
export function shareOf(flag: Definition | undefined): number | null {
  const outcome = outcomeOf(flag);
  if (outcome !== 'ask') return outcome === 'always' ? 1 : 0;
  const { strategies = [], dependencies = [] } = flag ?? {};
  const [only, ...more] = strategies;
  if (only?.name !== 'flexibleRollout' || more.length > 0 || dependencies.length > 0) return null;
  if (only.constraints?.length > 0 || (only.segments?.length ?? 0) > 0) return null;
  return Number(only.parameters?.rollout) / 100;
}

/**
 * Reads stickiness `random` as `default`, in place: a roll per request would show one visitor both sides in turn, and
 * a share is of visitors.
 */
export function makeSticky(flag: Definition): void {
  for (const { parameters } of flag.strategies ?? []) {
    if (parameters?.stickiness === 'random') parameters.stickiness = 'default';
  }
}
