import { EventEmitter } from 'node:events';
import { Unleash, UnleashEvents } from 'unleash-client';
import type { Outcome } from './decide.ts';
import { makeSticky, memberOf, outcomeOf, shareOf } from './outcome.ts';

type Definition = NonNullable<ReturnType<Unleash['getFeatureToggleDefinition']>>;

/** What the client API of a flag server answers, and what the proxy keeps of it on disk. */
export interface SaidFlags {
  readonly features: readonly Definition[];
  readonly segments?: readonly { readonly id: number }[];
}

/** Evaluates flags; see the same methods of `Flags`. */
export interface StillFlags {
  outcome(flag: string): Outcome;
  share(flag: string): number | null;
  isEnabled(flag: string, stickyKey: string): boolean;
  close(): void;
}

/**
 * Flags that stay what a flag server once said: they ask nobody, and are evaluated by the same client as those that are
 * polled.
 */
export function stillFlags(said: SaidFlags): StillFlags {
  const flags = new Map(said.features.map((flag) => [flag.name, structuredClone(flag)]));
  const outcomes = new Map<string, Outcome>();
  const members = new Map<string, (stickyKey: string) => boolean>();
  for (const [name, flag] of flags) {
    makeSticky(flag);
    outcomes.set(name, outcomeOf(flag));
    const isMember = memberOf(flag);
    if (isMember !== undefined) members.set(name, isMember);
  }
  const repository = Object.assign(new EventEmitter(), {
    getToggle: (name: string) => flags.get(name),
    getToggles: () => [...flags.values()],
    getTogglesWithSegmentData: () => [...flags.values()],
    getSegment: (id: number) => said.segments?.find((segment) => segment.id === id),
    start: async () => {},
    stop() {},
  });
  const client = new Unleash({
    appName: 'strangler-proxy',
    url: 'http://nobody.invalid/api',
    disableMetrics: true,
    disableAutoStart: true,
    skipInstanceCountWarning: true,
    repository: repository as unknown as NonNullable<ConstructorParameters<typeof Unleash>[0]['repository']>,
  });
  // Before it the client answers no, whatever the flag says.
  repository.emit(UnleashEvents.Ready);
  return {
    outcome: (flag) => outcomes.get(flag) ?? 'never',
    share: (flag) => shareOf(flags.get(flag)),
    isEnabled: (flag, stickyKey) =>
      members.get(flag)?.(stickyKey) ?? client.isEnabled(flag, { sessionId: stickyKey }, false),
    close: () => client.destroy(),
  };
}
