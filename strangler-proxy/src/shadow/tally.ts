import { Gauge, type Registry } from 'prom-client';
import type { Outcome } from '../compare/comparison.ts';
import { type Counter, counterFamily, histogramFamily } from '../metrics-cells.ts';
import { type Interval, wilsonInterval } from './wilson-interval.ts';

/** Why a request was not shadowed, or why its answers were not compared; none of them says anything about the candidate. */
export const skipCauses = [
  /** Not GET or HEAD (RFC 9110 section 9.2.1): a copy of a write would be a second write. */
  'unsafe_method',
  /** As many shadow requests as may be are with this candidate. */
  'concurrency',
  /** The candidate failed several times in a row, and is left alone for a while. */
  'circuit_open',
  /** All shadow requests together hold as many bytes as they may. */
  'memory',
  /** The answer that the client got is larger than what is kept. */
  'served_too_large',
  /** The answer that the client got took longer than a shadow may last. */
  'served_slow',
  /** The answer that the client got broke off, or the client left. */
  'served_aborted',
  /** The copy went to the control, and was not answered within bounds. */
  'control_failed',
  /** Nobody could say to the service who is asking. */
  'identity_unknown',
  /**
   * As many mismatches as may be are looked at once more. All requests are left out then, and not only those that would
   * differ: parity would rise by it.
   */
  'rechecks',
  /** Differed, and the lagging store did not catch up in time, or the owner's answer never stood still. */
  'unsettled',
  /** As many answers as may be are waiting to be compared. */
  'queue',
  'stopping',
  /** A fault of ours; it is in the log. */
  'internal',
] as const;

export type SkipCause = (typeof skipCauses)[number];

/** Parity is (matches) / (matches + mismatches + errors); without its sample size it says nothing. */
export interface Parity {
  /** Between 0 and 1; null before the first comparison. */
  readonly value: number | null;
  /** Matches, mismatches and errors: what is ignored or stale is not among them. */
  readonly sample: number;
  /** The 95 % confidence interval of the value, both ends from 0 to 1; null before the first comparison. */
  readonly interval: Interval | null;
}

/** Time to the head of an answer, over the newest comparisons. */
export interface Latency {
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  readonly sample: number;
}

/** What is counted for one route since the start. */
export interface RouteStats {
  readonly capability: string;
  readonly route: string;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly skipped: Readonly<Record<SkipCause, number>>;
  readonly parity: Parity;
  readonly latency: { readonly control: Latency; readonly candidate: Latency };
}

/** Counts of one route, in memory and as metrics. */
export interface RouteTally {
  compared(outcome: Outcome): void;
  skipped(cause: SkipCause): void;
  /** Seconds from the start of the shadow to the head of this side's answer. */
  latency(side: 'control' | 'candidate', seconds: number): void;
  stats(): RouteStats;
}

/** What the metrics of all routes need. */
export interface TallyGauges {
  inFlight(): number;
  bytes(): number;
  queued(): number;
}

/** Registers the metrics of shadowing. @returns a function that makes the tally of one route. */
export function createTallies(
  registry: Registry,
  gauges: TallyGauges,
): (capability: string, route: string) => RouteTally {
  const registers = [registry];
  const comparisons = counterFamily(
    registry,
    'strangler_shadow_comparisons_total',
    'Comparisons of shadowed requests by outcome: match, mismatch, ignored, stale, error.',
  );
  const skips = counterFamily(
    registry,
    'strangler_shadow_skipped_total',
    'Requests that should have been shadowed and were not compared, by cause.',
  );
  const seconds = histogramFamily(
    registry,
    'strangler_shadow_answer_seconds',
    'Time to the head of the answer of either side of a shadowed request.',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  );
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('strangler_shadow_in_flight', 'Shadow requests under way.', gauges.inFlight);
  gauge('strangler_shadow_buffered_bytes', 'Bytes of answers held for comparison.', gauges.bytes);
  gauge('strangler_shadow_queued_comparisons', 'Pairs of answers that wait to be compared.', gauges.queued);

  return (capability, route) => {
    const outcomes: Record<Outcome, number> = { match: 0, mismatch: 0, ignored: 0, stale: 0, error: 0 };
    const skipped = Object.fromEntries(skipCauses.map((cause) => [cause, 0])) as Record<SkipCause, number>;
    const newest = { control: createNewest(), candidate: createNewest() };
    const observers = {
      control: seconds.of({ capability, route, side: 'control' }),
      candidate: seconds.of({ capability, route, side: 'candidate' }),
    };
    const byOutcome: Partial<Record<Outcome, Counter>> = {};
    const byCause: Partial<Record<SkipCause, Counter>> = {};
    return {
      compared(outcome) {
        outcomes[outcome]++;
        byOutcome[outcome] ??= comparisons.of({ capability, route, outcome });
        byOutcome[outcome].add();
      },
      skipped(cause) {
        skipped[cause]++;
        byCause[cause] ??= skips.of({ capability, route, cause });
        byCause[cause].add();
      },
      latency(side, value) {
        newest[side].add(value * 1000);
        observers[side].observe(value);
      },
      stats: () => ({
        capability,
        route,
        outcomes: { ...outcomes },
        skipped: { ...skipped },
        parity: parityOf(outcomes),
        latency: { control: newest.control.latency(), candidate: newest.candidate.latency() },
      }),
    };
  };
}

/** The share of comparisons that matched, with the number of those that count. */
export function parityOf({ match, mismatch, error }: Readonly<Record<Outcome, number>>): Parity {
  const sample = match + mismatch + error;
  return { value: sample === 0 ? null : match / sample, sample, interval: wilsonInterval(match, sample) };
}

const newestMax = 512;

function createNewest(): { add(milliseconds: number): void; latency(): Latency } {
  const ring: number[] = [];
  let next = 0;
  return {
    add(milliseconds) {
      ring[next] = milliseconds;
      next = (next + 1) % newestMax;
    },
    latency() {
      const sorted = ring.toSorted((left, right) => left - right);
      const quantile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
      return { p50_ms: quantile(0.5), p99_ms: quantile(0.99), sample: sorted.length };
    },
  };
}
