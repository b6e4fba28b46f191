import { EventEmitter } from 'node:events';
import { Unleash, UnleashEvents } from 'unleash-client';
import type { Flags } from './flags.ts';
import { makeSticky, outcomeOf, shareOf } from './outcome.ts';

type Definition = NonNullable<ReturnType<Unleash['getFeatureToggleDefinition']>>;

/** What the client API of a flag server answers, and what the proxy keeps of it on disk. */
export interface SaidFlags {
  readonly features: readonly Definition[];
  readonly segments?: readonly { readonly id: number }[];
}

/**
 * Flags that stay what a flag server once said: they ask nobody, and are evaluated by the same client as those that are
 * polled.
 */
export function stillFlags(said: SaidFlags): Flags {
  const flags = new Map(said.features.map((flag) => [flag.name, structuredClone(flag)]));
  for (const flag of flags.values()) makeSticky(flag);
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
    outcome: (flag) => outcomeOf(flags.get(flag)),
    share: (flag) => shareOf(flags.get(flag)),
    isEnabled: (flag, stickyKey) => client.isEnabled(flag, { sessionId: stickyKey }, false),
    count() {},
    onChange: () => () => {},
    status: () => ({ state: 'kept', error: undefined }),
    close: () => client.destroy(),
  };
}
