import type { Unleash } from 'unleash-client';
import { normalizedStrategyValue } from 'unleash-client/lib/strategy/util.js';
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
  const rollout = onlyRollout(flag);
  return rollout === undefined ? null : Number(rollout.parameters?.rollout) / 100;
}

/**
 * Says who is in the share of a flag that nothing but a share decides: the client's own function, without all that the
 * client does around it. Undefined if the client has to be asked.
 */
export function memberOf(flag: Definition): ((stickyKey: string) => boolean) | undefined {
  const { stickiness = 'default', groupId, rollout } = onlyRollout(flag)?.parameters ?? {};
  if (!/^(?:default|sessionId)$/.test(String(stickiness)) || typeof groupId !== 'string' || groupId === '')
    return undefined;
  const percentage = Number(rollout);
  return (stickyKey) => normalizedStrategyValue(stickyKey, groupId) <= percentage;
}

/** The one strategy of a flag that is a share of everyone, and nothing else. */
function onlyRollout(flag: Definition | undefined): Strategy | undefined {
  if (outcomeOf(flag) !== 'ask') return undefined;
  const { strategies = [], dependencies = [] } = flag ?? {};
  const [only, ...more] = strategies;
  if (only?.name !== 'flexibleRollout' || more.length > 0 || dependencies.length > 0) return undefined;
  return only.constraints?.length > 0 || (only.segments?.length ?? 0) > 0 ? undefined : only;
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
