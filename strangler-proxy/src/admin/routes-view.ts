import type { UpstreamState } from '../forward/upstream-states.ts';
import type { Shadow, ShadowStats } from '../shadow/index.ts';

/** What the data plane says of one declared route. */
export interface AdminRoute {
  readonly capability: string;
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly kind: 'read' | 'write';
  /** Name of the service's upstream. */
  readonly service: string;
  readonly stage: 'off' | 'shadow' | 'canary' | 'live';
  readonly owner: 'monolith' | 'service';
  /** Share of the visitors whom the service serves, from 0 to 1; null if it cannot be told from the flag. */
  readonly share: number | null;
  /** Share of the requests that are shadowed, from 0 to 1; null if it cannot be told from the flag. */
  readonly shadowShare: number | null;
  /** Requests answered since the start, by side. */
  readonly requests: { readonly monolith: number; readonly service: number };
}

/** What `/api/routes` answers; the keys are a contract. */
export function routesView(
  routes: readonly AdminRoute[],
  upstreams: readonly UpstreamState[],
  shadow: Pick<Shadow, 'stats' | 'samples'>,
  notices: readonly string[],
): object {
  const stats = shadow.stats();
  const byRoute = new Map(stats.routes.map((route) => [`${route.capability}.${route.route}`, route]));
  return {
    at: new Date().toISOString(),
    notices,
    routes: routes.map((route) => ({
      capability: route.capability,
      route: route.id,
      method: route.method,
      path: route.path,
      kind: route.kind,
      service: route.service,
      stage: route.stage,
      owner: route.owner,
      share: route.share,
      shadow_share: route.shadowShare,
      requests: route.requests,
      ...comparisonView(byRoute.get(`${route.capability}.${route.id}`)),
      mismatch_groups: shadow
        .samples(route.capability, route.id)
        .map(({ places, count, lastAt }) => ({ places, count, last_at: lastAt })),
    })),
    upstreams: upstreams.map((upstream) => ({
      upstream: upstream.name,
      in_flight: upstream.inFlight,
      in_flight_max: upstream.inFlightMax,
      not_admitted: { busy: upstream.refusedBusy, circuit_open: upstream.refusedCircuitOpen },
      second_tries: upstream.secondTries,
      instances: upstream.instances.map(({ origin, state, inFlight, ejections }) => ({
        origin,
        state,
        in_flight: inFlight,
        ejections,
      })),
    })),
    shadow: {
      in_flight: stats.inFlight,
      queued: stats.queued,
      buffered_bytes: stats.bufferedBytes,
      circuits: stats.circuits,
    },
  };
}

function comparisonView(stats: ShadowStats['routes'][number] | undefined): object {
  return {
    comparisons: stats?.outcomes ?? { match: 0, mismatch: 0, ignored: 0, stale: 0, error: 0 },
    skipped: Object.fromEntries(Object.entries(stats?.skipped ?? {}).filter(([, count]) => count > 0)),
    rules: stats?.rules ?? [],
    noise: (stats?.noise ?? []).map(({ isNoise, ...place }) => ({ ...place, is_noise: isNoise })),
    parity: stats?.parity ?? { value: null, sample: 0, interval: null },
    latency: stats?.latency ?? {
      control: { p50_ms: null, p99_ms: null, sample: 0 },
      candidate: { p50_ms: null, p99_ms: null, sample: 0 },
    },
  };
}
