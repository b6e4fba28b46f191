import type { Answer } from '../compare/answer.ts';
import type { Comparison } from '../compare/comparison.ts';
import { type Redaction, redactTarget } from '../compare/redact.ts';
import type { CompiledRules } from '../compare/rules.ts';
import { type SideBySide, sideBySide } from '../compare/side-by-side.ts';
import { type Suggestion, suggestRule } from '../compare/suggest-rule.ts';
import { generalPlace } from './noise.ts';

/** One side of a sample. */
export interface SampleSide {
  readonly upstream: string;
  /** Null if there was no answer. */
  readonly status: number | null;
  /** Names and values, secrets hidden. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Time to the head of the answer; null if there was none. */
  readonly milliseconds: number | null;
}

/** One comparison that did not match, kept for a person to look at; secrets are hidden before it is kept. */
export interface Sample {
  /** ISO 8601. */
  readonly at: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly control: SampleSide;
  readonly candidate: SampleSide;
  readonly comparison: Comparison;
  /** For each place that differs: why it counts, and how it could be accepted. */
  readonly suggestions: readonly (Suggestion & { readonly place: string })[];
  /** Absent where there is nothing to lay beside each other. */
  readonly body?: SideBySide;
}

/** Comparisons that differ in the same places. */
export interface SampleGroup {
  // "body /products/*/price value": the places that differ, or the one cause of an error.
  readonly places: readonly string[];
  /** How often it was seen since its first sample. */
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** The newest first. */
  readonly samples: readonly Sample[];
}

/** Bounds of what is kept. */
export interface SampleLimits {
  /** Groups of one route; the one that was not seen for longest makes room. */
  readonly groups: number;
  /** Samples of one group, the newest. */
  readonly perGroup: number;
  /** Samples of all routes together. */
  readonly total: number;
  /** How long a sample is kept, in milliseconds. */
  readonly keepMs: number;
  /** Time between two samples of one group, in milliseconds: to lay out a sample costs more than to compare. */
  readonly intervalMs: number;
}

export const defaultSampleLimits: SampleLimits = {
  groups: 8,
  perGroup: 3,
  total: 200,
  keepMs: 60 * 60 * 1000,
  intervalMs: 1_000,
};

/** What is offered as a sample. */
export interface Offer {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly control: OfferedSide;
  readonly candidate: OfferedSide;
  readonly comparison: Comparison;
}

export interface OfferedSide {
  readonly upstream: string;
  readonly answer: Answer | undefined;
  readonly milliseconds: number | undefined;
}

/** Keeps the newest samples of all routes, grouped by the places in which they differ. */
export interface Samples {
  offer(route: string, offer: Offer, rules: CompiledRules): void;
  groups(route: string): readonly SampleGroup[];
}

interface Group {
  readonly places: readonly string[];
  count: number;
  readonly firstAt: number;
  lastAt: number;
  samples: { readonly at: number; readonly sample: Sample }[];
}

const bodyLimits = { rows: 400, line: 240 };
const headersMax = 60;
const headerMax = 400;
const suggestionsMax = 10;

/** `now` is in milliseconds since 1970. */
export function createSamples(limits: SampleLimits, redaction: Redaction, now: () => number): Samples {
  const routes = new Map<string, Map<string, Group>>();

  function expire(): void {
    const oldest = now() - limits.keepMs;
    for (const groups of routes.values()) {
      for (const [key, group] of groups) {
        group.samples = group.samples.filter(({ at }) => at >= oldest);
        if (group.samples.length === 0) {
          groups.delete(key);
        }
      }
    }
  }

  function dropOldest(): void {
    const all = [...routes.values()].flatMap((groups) => [...groups].map(([key, group]) => ({ groups, key, group })));
    const count = all.reduce((sum, { group }) => sum + group.samples.length, 0);
    if (count <= limits.total) {
      return;
    }
    const oldest = all.reduce((left, right) => (left.group.lastAt <= right.group.lastAt ? left : right));
    oldest.group.samples.pop();
    if (oldest.group.samples.length === 0) {
      oldest.groups.delete(oldest.key);
    }
  }

  return {
    offer(route, offer, rules) {
      const at = now();
      const places = placesOf(offer.comparison);
      const key = places.join('\n');
      const groups = routes.get(route) ?? new Map<string, Group>();
      routes.set(route, groups);
      const group = groups.get(key) ?? { places, count: 0, firstAt: at, lastAt: 0, samples: [] };
      group.count++;
      const isDue = at - (group.samples[0]?.at ?? 0) >= limits.intervalMs;
      group.lastAt = at;
      // Put last again: the first of the map is the one that was not seen for longest.
      groups.delete(key);
      groups.set(key, group);
      if (!isDue) {
        return;
      }
      expire();
      const sample = toSample(offer, rules, redaction, new Date(at).toISOString());
      group.samples = [{ at, sample }, ...group.samples].slice(0, limits.perGroup);
      groups.set(key, group);
      const [stalest] = groups.keys();
      if (groups.size > limits.groups && stalest !== undefined) {
        groups.delete(stalest);
      }
      dropOldest();
    },
    groups(route) {
      expire();
      return [...(routes.get(route)?.values() ?? [])].reverse().map(({ places, count, firstAt, lastAt, samples }) => ({
        places,
        count,
        firstAt: new Date(firstAt).toISOString(),
        lastAt: new Date(lastAt).toISOString(),
        samples: samples.map(({ sample }) => sample),
      }));
    },
  };
}

/** What a group of mismatches is known by: the places that differ, or the cause of an error. */
export function placesOf(comparison: Comparison): readonly string[] {
  if (comparison.outcome === 'error') {
    return [`error: ${comparison.error}`];
  }
  return [...new Set(comparison.differences.map(generalPlace))].sort();
}

/** Lays one comparison out for a person, secrets hidden. */
export function toSample(offer: Offer, rules: CompiledRules, redaction: Redaction, at: string): Sample {
  const { control, candidate } = offer;
  const bodies =
    offer.comparison.outcome === 'mismatch' && control.answer !== undefined && candidate.answer !== undefined
      ? { body: sideBySide(control.answer, candidate.answer, rules, redaction, bodyLimits) }
      : {};
  return Object.freeze({
    at,
    method: offer.method,
    target: redactTarget(offer.target, redaction).slice(0, 2_000),
    headers: redactHeaders(offer.headers, redaction),
    control: toSide(control, redaction),
    candidate: toSide(candidate, redaction),
    comparison: offer.comparison,
    suggestions: suggestionsFor(offer.comparison),
    ...bodies,
  });
}

/** One for each kind of place, however many items of a list differ there. */
function suggestionsFor({ differences }: Comparison): Sample['suggestions'] {
  const byPlace = new Map(differences.map((difference) => [generalPlace(difference), difference]));
  return [...byPlace].slice(0, suggestionsMax).map(([place, difference]) => ({ place, ...suggestRule(difference) }));
}

function toSide({ upstream, answer, milliseconds }: OfferedSide, redaction: Redaction): SampleSide {
  return {
    upstream,
    status: answer?.status ?? null,
    headers: redactHeaders(answer?.rawHeaders ?? [], redaction),
    milliseconds: milliseconds === undefined ? null : Math.round(milliseconds * 10) / 10,
  };
}

function redactHeaders(raw: readonly string[], redaction: Redaction): readonly (readonly [string, string])[] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length && pairs.length < headersMax; index += 2) {
    const [name, value] = [raw[index]!, raw[index + 1]!];
    // A location is a target: its query may carry a token.
    const shown = redaction.isSecret(name) ? '[redacted]' : redactTarget(value, redaction);
    pairs.push([name, shown.slice(0, headerMax)]);
  }
  return pairs;
}
