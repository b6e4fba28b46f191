import { type CompareRule, ignore, ignoreHeader, type JsonPath } from 'strangler-migrations/define';
import type { Comparison, Difference } from '../compare/comparison.ts';
import { type CompiledRules, compileRules, extendRules } from '../compare/rules.ts';
import { type Interval, wilsonInterval } from './wilson-interval.ts';

/** How often one place of a route's answers differed lately. */
export interface NoisyPlace {
  // "body /took value"
  readonly place: string;
  /** The control against itself, and control against candidate. */
  readonly control: Rate;
  readonly sides: Rate;
  /** The control disagrees with itself about as often as the two sides do: a difference here says nothing. */
  readonly isNoise: boolean;
}

/** `differed` of the newest `sample` comparisons. */
export interface Rate {
  readonly differed: number;
  readonly sample: number;
}

/** What the control's disagreement with itself says about one route. */
export interface Noise {
  /** Whether the control should be asked twice this time: the first requests of a route, and a share of the others. */
  wantsSecondAsk(random: number): boolean;
  /** Learns from two answers of the control to one request, compared by the declared rules. */
  learn(itself: Comparison): void;
  /** The declared rules, and one more for each place that is noise now. */
  rules(declared: CompiledRules): CompiledRules;
  /** Learns from the two sides, compared by {@link Noise.rules}. */
  saw(sides: Comparison): void;
  places(): readonly NoisyPlace[];
}

/** Comparisons that are remembered of either kind: noise that has ended is soon forgotten. */
const newestMax = 200;
/** Requests of a route whose control is asked twice whatever the share is, so that rare routes are known, too. */
const firstAsks = 20;
/** Below this many disagreements the control may have changed in between by chance. */
const leastDisagreements = 3;
const placesShown = 20;

/**
 * Noise of one route, by place.
 *
 * That the control disagreed with itself somewhere is not enough: a price that is changed every few minutes would make
 * every wrong price look like noise. A place is noise while the control disagrees with itself there about as often as
 * the two sides do: while the 95 % intervals of both rates overlap, or the control's lies above.
 *
 * @param share of the requests whose control is asked twice, from 0 to 1
 */
export function createNoise(share: number): Noise {
  const itself = createNewest();
  const sides = createNewest();
  let known: { readonly declared: CompiledRules | undefined; readonly rules: CompiledRules } = {
    declared: undefined,
    rules: compileRules([]),
  };
  let isKnown = false;

  function placeOf(place: string): NoisyPlace {
    const control = itself.rate(place);
    const both = sides.rate(place);
    const low = lower(wilsonInterval(both.differed, both.sample));
    const high = upper(wilsonInterval(control.differed, control.sample));
    return { place, control, sides: both, isNoise: control.differed >= leastDisagreements && high >= low };
  }

  return {
    wantsSecondAsk: (random) => share > 0 && (itself.size < firstAsks || random < share),
    learn(comparison) {
      itself.add(new Set(comparison.differences.map(generalPlace)));
      isKnown = false;
    },
    rules(declared) {
      if (isKnown && known.declared === declared) {
        return known.rules;
      }
      const rules = itself
        .seen()
        .map(placeOf)
        .filter(({ isNoise }) => isNoise)
        .flatMap(ruleFor);
      known = { declared, rules: rules.length === 0 ? declared : extendRules(declared, rules) };
      isKnown = true;
      return known.rules;
    },
    saw({ differences, ignored }) {
      const places = [...differences, ...ignored.filter(({ reason }) => reason?.startsWith(NOISE))].map(generalPlace);
      sides.add(places.length === 0 ? NOWHERE : new Set(places));
      // What matches everywhere makes no noise of anything.
      isKnown &&= places.length === 0;
    },
    places: () =>
      itself
        .seen()
        .map(placeOf)
        .sort((one, other) => other.control.differed - one.control.differed)
        .slice(0, placesShown),
  };
}

/** Where a difference is, without the number of the item: which item of a list differs is chance. */
export function generalPlace({ part, path, kind }: Pick<Difference, 'part' | 'path' | 'kind'>): string {
  const general = part === 'body' ? path.replace(/\/\d+(?=\/|$)/g, '/*') : path;
  return `${[part, general].filter((word) => word !== '').join(' ')} ${kind}`;
}

/** How the reason of an excused difference begins that is noise. */
const NOISE = 'noise: ';

function ruleFor({ place, control, sides }: NoisyPlace): readonly CompareRule[] {
  const rate = ({ differed, sample }: Rate) => `${Math.round((differed / Math.max(sample, 1)) * 100)} % of ${sample}`;
  const reason = `${NOISE}the control disagrees with itself here in ${rate(control)}, both sides in ${rate(sides)}`;
  const [part, ...words] = place.split(' ');
  const path = words.slice(0, -1).join(' ');
  if (part === 'header') {
    return [ignoreHeader(path, reason)];
  }
  // Nothing excuses a status.
  return part === 'body' ? [ignore(path as JsonPath, reason)] : [];
}

const NOWHERE: ReadonlySet<string> = new Set();

function lower(interval: Interval | null): number {
  return interval?.low ?? 0;
}

function upper(interval: Interval | null): number {
  return interval?.high ?? 1;
}

/** The newest comparisons, each as the places in which it differed. */
function createNewest() {
  const ring: ReadonlySet<string>[] = [];
  let next = 0;
  return {
    get size() {
      return ring.length;
    },
    add(places: ReadonlySet<string>) {
      ring[next] = places;
      next = (next + 1) % newestMax;
    },
    rate: (place: string): Rate => ({
      differed: ring.reduce((count, places) => count + (places.has(place) ? 1 : 0), 0),
      sample: ring.length,
    }),
    seen: () => [...new Set(ring.flatMap((places) => [...places]))],
  };
}
