import { Counter, Gauge, type Registry } from 'prom-client';
import { INSTANCE_STATES } from './forward/instances.ts';
import { type UpstreamState, upstreamStates } from './forward/upstream-states.ts';
import type { Upstreams } from './forward/upstreams.ts';

/** Shows the upstreams, their bounds and how often these were reached, each time that the metrics are read. */
export function watchUpstreams(registry: Registry, upstreams: () => Upstreams): void {
  const show = (
    type: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    labels: readonly string[],
    each: (state: UpstreamState, set: (labels: Record<string, string>, value: number) => void) => void,
  ) => {
    const metric = new type({
      name,
      help,
      labelNames: ['upstream', ...labels],
      registers: [registry],
      collect() {
        metric.reset();
        for (const state of upstreamStates(upstreams())) {
          each(state, (values, value) => metric.inc({ upstream: state.name, ...values }, value));
        }
      },
    });
  };
  show(
    Gauge,
    'strangler_proxy_in_flight_requests',
    'Requests and upgraded connections under way, by upstream',
    [],
    ({ inFlight }, set) => set({}, inFlight),
  );
  show(
    Gauge,
    'strangler_proxy_in_flight_requests_max',
    'How many may be under way at once, by upstream',
    [],
    ({ inFlightMax }, set) => set({}, inFlightMax),
  );
  show(
    Gauge,
    'strangler_proxy_instances',
    'Instances by upstream and state: available, probing, ejected or unhealthy',
    ['state'],
    ({ instances }, set) => {
      for (const state of INSTANCE_STATES) set({ state }, instances.filter((one) => one.state === state).length);
    },
  );
  show(
    Counter,
    'strangler_proxy_ejections_total',
    'Times that an instance was left alone because it failed too often',
    [],
    ({ instances }, set) =>
      set(
        {},
        instances.reduce((sum, { ejections }) => sum + ejections, 0),
      ),
  );
  show(
    Counter,
    'strangler_proxy_not_admitted_total',
    'Requests that an upstream was not asked to serve, by the bound that was reached',
    ['code'],
    ({ refusedBusy, refusedCircuitOpen }, set) => {
      set({ code: 'upstream-busy' }, refusedBusy);
      set({ code: 'upstream-circuit-open' }, refusedCircuitOpen);
    },
  );
  show(
    Counter,
    'strangler_proxy_second_tries_total',
    'Requests that were sent again after a connection had failed',
    [],
    ({ secondTries }, set) => set({}, secondTries),
  );
}
