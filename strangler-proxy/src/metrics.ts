import { Gauge, Registry } from 'prom-client';
import type { Why } from './decide/decide.ts';
import type { Hold } from './decide/hold.ts';
import type { Ownership } from './decide/ownership.ts';
import type { ProblemCode } from './errors.ts';
import type { Upstreams } from './forward/upstreams.ts';
import { type Counter, counterFamily, histogramFamily } from './metrics-cells.ts';
import { watchOwners } from './metrics-owners.ts';
import { watchUpstreams } from './metrics-upstreams.ts';

/** What the proxy counts. Every label has a bounded set of values: names from declarations and words from the code. */
export interface Metrics {
  readonly registry: Registry;
  /** The series of one way through the proxy; cheap enough to be asked for at every request. */
  passage(route: string, way: Way): Passage;
  /** Requests of one route since the start, by the side that answered. */
  answeredBy(route: string): Readonly<Record<'monolith' | 'service', number>>;
  /** Counts a read that the owner answered because the chosen upstream had failed. */
  fellBack(route: string, from: string, cause: FallbackCause): void;
  /** Counts a failure of an exchange, by what the client was told, or by why its answer was cut off. */
  failed(code: FailureCode): void;
  /** Shows these when the metrics are read, in place of those before. */
  watch(subject: Watched): void;
}

/** What the metrics show as it is when they are read. */
export interface Watched {
  readonly upstreams: Upstreams;
  readonly capabilities: readonly string[];
  readonly ownership: Ownership;
  readonly hold: Hold;
  flagState(): string;
}

/** A problem that was answered, or an end that nobody could be told of. */
export type FailureCode = ProblemCode | 'client-gone' | 'answer-cut';

/** Why the owner answered in place of the chosen upstream; `upstream-5xx`: that one's answer was a server error. */
export type FallbackCause = ProblemCode | 'upstream-5xx';

/** The way that a request went. */
export interface Way {
  /** Name of the upstream that answered, or `none`. */
  readonly upstream: string;
  readonly side: 'monolith' | 'service' | 'none';
  readonly why: Why;
}

/** Counts the requests of one route that went one way. */
export interface Passage {
  ended(status: number, seconds: number): void;
}

const DURATION_BOUNDS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** @param registry where the metrics are registered; one of its own by default. */
export function createMetrics(registry: Registry = new Registry()): Metrics {
  const requests = counterFamily(
    registry,
    'strangler_proxy_requests_total',
    'Requests answered, by route, by the upstream that answered, why it was chosen, and status class',
  );
  const durations = histogramFamily(
    registry,
    'strangler_proxy_request_duration_seconds',
    'Time from the head of a request to the end of its answer',
    DURATION_BOUNDS_SECONDS,
  );
  const fallbacks = counterFamily(
    registry,
    'strangler_proxy_fallbacks_total',
    'Reads that the owner answered because the chosen upstream failed first',
  );
  const failures = counterFamily(
    registry,
    'strangler_proxy_failures_total',
    'Exchanges that did not end with an answer of an upstream, by code',
  );
  let watched: Watched | undefined;
  // One map in another: a key made of all three would be a new string for every request.
  const passages = new Map<string, Map<string, Map<string, Passage>>>();
  const sides = new Map<string, Record<Way['side'], number>>();
  const fallbackCounters = new Map<string, Counter>();
  const failureCounters = new Map<string, Counter>();

  return {
    registry,
    passage(route, { upstream, side, why }) {
      const byWhy = once(once(passages, route, newMap<Map<string, Passage>>), upstream, newMap<Passage>);
      return once(byWhy, why, () => open({ route, upstream, side, why }));
    },
    answeredBy: (route) => sidesOf(route),
    fellBack: (route, from, error) =>
      once(fallbackCounters, `${route} ${from} ${error}`, () => fallbacks.of({ route, from, error })).add(),
    failed: (code) => once(failureCounters, code, () => failures.of({ code })).add(),
    watch(subject) {
      const isFirst = watched === undefined;
      watched = subject;
      if (!isFirst) return;
      const now = () => watched ?? subject;
      watchUpstreams(registry, () => now().upstreams);
      watchOwners(registry, now);
      new Gauge({
        name: 'strangler_proxy_flags_state',
        help: '1 for the present state of the flags: fresh, kept (the server is lost, its last word holds) or none',
        labelNames: ['state'],
        registers: [registry],
        collect() {
          this.reset();
          this.set({ state: now().flagState() }, 1);
        },
      });
    },
  };

  function sidesOf(route: string): Record<Way['side'], number> {
    let count = sides.get(route);
    if (count === undefined) {
      count = { monolith: 0, service: 0, none: 0 };
      sides.set(route, count);
    }
    return count;
  }

  function open(labels: { route: string } & Way): Passage {
    const { route, upstream, side, why } = labels;
    const answeredBy = sidesOf(route);
    const duration = durations.of({ route, upstream, side, why });
    const byClass: (Counter | undefined)[] = [];
    return {
      ended(status, seconds) {
        const statusClass = Math.floor(status / 100);
        let counter = byClass[statusClass];
        if (counter === undefined) {
          counter = requests.of({ route, upstream, side, why, status_class: `${statusClass}xx` });
          byClass[statusClass] = counter;
        }
        counter.add();
        answeredBy[side]++;
        duration.observe(seconds);
      },
    };
  }
}

function once<Key, Value>(known: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    known.set(key, value);
  }
  return value;
}

function newMap<Value>(): Map<string, Value> {
  return new Map();
}
