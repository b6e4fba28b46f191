import { type InstanceState, instanceState } from './instances.ts';
import type { Upstreams } from './upstreams.ts';

/** How one upstream is now; figures that end in a plain noun count from the start. */
export interface UpstreamState {
  readonly name: string;
  readonly inFlight: number;
  readonly inFlightMax: number;
  /** Requests that were not let in: the bound was reached, or every instance was ejected. */
  readonly refusedBusy: number;
  readonly refusedCircuitOpen: number;
  readonly secondTries: number;
  readonly instances: readonly {
    readonly origin: string;
    readonly state: InstanceState;
    readonly inFlight: number;
    readonly ejections: number;
  }[];
}

/** Reads every upstream. */
export function upstreamStates(upstreams: Upstreams): UpstreamState[] {
  return upstreams.names.map((name) => {
    const { inFlight, inFlightMax, refused, secondTries, instances } = upstreams.get(name);
    return {
      name,
      inFlight,
      inFlightMax,
      refusedBusy: refused['upstream-busy'],
      refusedCircuitOpen: refused['upstream-circuit-open'],
      secondTries,
      instances: instances.map((instance) => ({
        origin: instance.origin,
        state: instanceState(instance),
        inFlight: instance.inFlight,
        ejections: instance.circuit.opened,
      })),
    };
  });
}

/** What a person should know of upstreams that are not as they should be; empty if all are. */
export function upstreamNotices(states: readonly UpstreamState[]): string[] {
  return states.flatMap(({ name, inFlight, inFlightMax, instances }) => {
    const notices: string[] = [];
    const away = instances.filter(({ state }) => state !== 'available');
    if (away.length > 0) {
      const which = away.map(({ origin, state }) => `${origin} is ${state}`).join(', ');
      notices.push(`upstream ${name}: ${instances.length - away.length} of ${instances.length} available (${which})`);
    }
    if (inFlight >= inFlightMax)
      notices.push(`upstream ${name}: ${inFlightMax} requests under way, no more are let in`);
    return notices;
  });
}
