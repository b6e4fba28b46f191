import type { Registry } from 'prom-client';
import type { CompareRule, Route, RuleTerms } from 'strangler-migrations/define';
import { type Circuit, createCircuit } from '../circuit.ts';
import { defaultRedaction, type Redaction } from '../compare/redact.ts';
import { type CompiledRules, compileRules } from '../compare/rules.ts';
import type { Upstreams } from '../forward/upstreams.ts';
import { createComparisonQueue } from './comparison-queue.ts';
import type { ControlTap } from './control-tap.ts';
import type { Budget } from './kept-answer.ts';
import { createNoise, type Noise, type NoisyPlace } from './noise.ts';
import type { CatchUp } from './recheck.ts';
import { createSamples, defaultSampleLimits, type SampleGroup, type SampleLimits } from './samples.ts';
import { defaultShadowLimits, type ShadowLimits } from './shadow-limits.ts';
import { type ShadowPair, startPair } from './shadow-pair.ts';
import type { ShadowRequest } from './shadow-request.ts';
import { createTallies, type RouteStats, type RouteTally, type SkipCause } from './tally.ts';

/** Sends copies of requests to the other side and compares the answers, off the requests' path. */
export interface Shadow {
  /** Starts one shadow request; undefined if it is skipped, which is counted by its cause. */
  start(request: ShadowRequest): ControlTap | undefined;
  stats(): ShadowStats;
  /** What differed lately on one route, the newest first. */
  samples(capability: string, route: string): readonly SampleGroup[];
  /** Takes no more, gives up what is under way, and ends when nothing is left. */
  close(): Promise<void>;
}

/** Counts since the start. */
export interface ShadowStats {
  readonly routes: readonly (RouteStats & {
    readonly rules: readonly RuleStats[];
    readonly noise: readonly NoisyPlace[];
  })[];
  readonly inFlight: number;
  readonly queued: number;
  readonly bufferedBytes: number;
  readonly circuits: readonly { readonly upstream: string; readonly state: Circuit['state'] }[];
}

/** What became of one comparison rule of a route. */
export interface RuleStats extends RuleTerms {
  /** `ignore /took`, `html` */
  readonly rule: string;
  readonly reason: string;
  /** Places in which answers would have differed without it. */
  readonly uses: number;
  /** Its last day is over: what it excused counts again. */
  readonly expired: boolean;
  /** It did not matter once in {@link deadAfter} comparisons: it may hide what comes later, and should go. */
  readonly dead: boolean;
}

/** Comparisons after which a rule that never mattered is called dead. */
export const deadAfter = 1_000;

/** What {@link createShadow} takes. */
export interface ShadowOptions {
  readonly upstreams: Pick<Upstreams, 'get'>;
  /** Where the metrics are registered. */
  readonly registry: Registry;
  readonly limits?: Partial<ShadowLimits>;
  readonly samples?: Partial<SampleLimits>;
  /** What is hidden in samples; credentials and personal data by default. */
  readonly redaction?: Redaction;
  /** The clock of the circuits, in milliseconds from anywhere; it must not go back. `performance.now` by default. */
  readonly now?: () => number;
  /** Tells stale from wrong; without it every difference that counts is a mismatch. */
  readonly catchUp?: CatchUp;
  /** Told of faults of our own. */
  readonly onFault?: (error: unknown) => void;
}

/** What is kept for each route. */
interface RouteShadow {
  /** `catalog.list` */
  readonly key: string;
  readonly route: Route;
  readonly rules: CompiledRules;
  readonly tally: RouteTally;
  readonly noise: Noise;
}

/** What is known of an upstream that gets copies. */
interface Copied {
  inFlight: number;
  readonly circuit: Circuit;
}

/** Makes the shadow of one proxy. */
export function createShadow(options: ShadowOptions): Shadow {
  const limits = { ...defaultShadowLimits, ...options.limits };
  const redaction = options.redaction ?? defaultRedaction;
  const onFault = options.onFault ?? (() => {});
  const samples = createSamples({ ...defaultSampleLimits, ...options.samples }, redaction, Date.now);
  const budget: Budget = { bytes: 0, bytesMax: limits.totalBytes };
  const queue = createComparisonQueue(onFault);
  const routes = new Map<string, RouteShadow>();
  const copies = new Map<string, Copied>();
  const underWay = new Set<ShadowPair>();
  let isStopping = false;
  let secondAsks = 0;
  let rechecks = 0;
  const createTally = createTallies(options.registry, {
    inFlight: () => underWay.size,
    bytes: () => budget.bytes,
    queued: () => queue.length,
  });

  function routeOf({ route, migration }: ShadowRequest): RouteShadow {
    const key = `${migration.capability}.${route.id}`;
    const known = routes.get(key);
    const now = Date.now();
    if (known?.route === route && now < known.rules.holdsUntil) {
      return known;
    }
    const tally = known?.tally ?? createTally(migration.capability, route.id);
    const noise = known?.route === route ? known.noise : createNoise(limits.noiseShare);
    const made = { key, route, rules: compileRules(route.compare, now), tally, noise };
    if (known?.route === route) {
      // Some rule's last day is over; what the others were good for is not forgotten.
      made.rules.uses.forEach((use, place) => {
        use.count = known.rules.uses[place]!.count;
      });
    }
    routes.set(key, made);
    return made;
  }

  function copiedTo(name: string): Copied {
    const known = copies.get(name);
    if (known !== undefined) {
      return known;
    }
    const circuit = createCircuit({
      failures: limits.circuitFailures,
      openMs: limits.circuitOpenMs,
      now: options.now ?? (() => performance.now()),
    });
    const made = { inFlight: 0, circuit };
    copies.set(name, made);
    return made;
  }

  function whyNot(request: ShadowRequest, { inFlight, circuit }: Copied): SkipCause | undefined {
    if (isStopping) {
      return 'stopping';
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return 'unsafe_method';
    }
    if (inFlight >= limits.concurrency) {
      return 'concurrency';
    }
    if (budget.bytes >= budget.bytesMax) {
      return 'memory';
    }
    if (rechecks >= limits.rechecks) {
      return 'rechecks';
    }
    // Last, as a half-open circuit takes the request for its probe.
    return circuit.tryEnter() ? undefined : 'circuit_open';
  }

  function enterSecondAsk(): (() => void) | undefined {
    if (isStopping || secondAsks >= limits.secondAsks) {
      return undefined;
    }
    secondAsks++;
    return () => {
      secondAsks--;
    };
  }

  return {
    start(request) {
      const { key, rules, tally, noise } = routeOf(request);
      const copied = copiedTo(request.served === 'control' ? request.candidate : request.control);
      const cause = whyNot(request, copied);
      if (cause !== undefined) {
        tally.skipped(cause);
        return undefined;
      }
      const pair = startPair(request, {
        upstreams: options.upstreams,
        limits,
        budget,
        circuit: copied.circuit,
        queue,
        rules,
        noise,
        tally,
        redaction,
        catchUp: options.catchUp,
        enterSecondAsk,
        enterRecheck() {
          rechecks++;
          return () => {
            rechecks--;
          };
        },
        onFault,
        offer: (offer) => samples.offer(key, offer, noise.rules(rules)),
        onLeave(left) {
          copied.inFlight--;
          underWay.delete(left);
        },
      });
      copied.inFlight++;
      underWay.add(pair);
      return pair.tap;
    },
    stats: () => ({
      routes: [...routes.values()].map(({ tally, rules, noise }) => withRules(tally.stats(), rules, noise)),
      inFlight: underWay.size,
      queued: queue.length,
      bufferedBytes: budget.bytes,
      circuits: [...copies].map(([upstream, { circuit }]) => ({ upstream, state: circuit.state })),
    }),
    samples: (capability, route) => samples.groups(`${capability}.${route}`),
    async close() {
      isStopping = true;
      for (const pair of [...underWay]) {
        pair.drop('stopping');
      }
      await queue.drained();
    },
  };
}

function withRules(stats: RouteStats, { uses }: CompiledRules, noise: Noise): ShadowStats['routes'][number] {
  const { match, mismatch, ignored, stale, error } = stats.outcomes;
  const compared = match + mismatch + ignored + stale + error;
  const rules = uses.map(({ rule, expired, count }) => ({
    rule: nameOf(rule),
    reason: rule.reason,
    ...(rule.owner === undefined ? {} : { owner: rule.owner }),
    ...(rule.until === undefined ? {} : { until: rule.until }),
    uses: count,
    expired,
    dead: !expired && count === 0 && compared >= deadAfter,
  }));
  return { ...stats, rules, noise: noise.places() };
}

function nameOf(rule: CompareRule): string {
  switch (rule.kind) {
    case 'html':
      return rule.kind;
    case 'ignore-header':
      return `${rule.kind} ${rule.header}`;
    default:
      return `${rule.kind} ${rule.path === '' ? 'the whole body' : rule.path}`;
  }
}
