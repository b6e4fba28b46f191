import type { Comparison, Difference } from '../compare/comparison.ts';
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
  /** Learns from two answers of the control to one request. */
  learn(itself: Comparison): void;
  /** What is left of a comparison of the two sides once noise is taken out of it; noise moves to what is ignored. */
  judge(sides: Comparison): Comparison;
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
      itself.add(placesOf(comparison));
    },
    judge(comparison) {
      sides.add(placesOf(comparison));
      const { differences, differenceCount } = comparison;
      // Of more than are kept nobody knows where the others are; and most comparisons match, and cost nothing here.
      if (differences.length === 0 || differences.length < differenceCount || itself.size === 0) {
        return comparison;
      }
      const judged = differences.map((difference) => ({ difference, noise: placeOf(generalPlace(difference)) }));
      const noise = judged.filter(({ noise: { isNoise } }) => isNoise);
      if (noise.length === 0) {
        return comparison;
      }
      const left = judged.filter(({ noise: { isNoise } }) => !isNoise).map(({ difference }) => difference);
      const excused = noise.map(({ difference, noise: found }) =>
        Object.freeze({ ...difference, reason: reason(found) }),
      );
      return Object.freeze({
        ...comparison,
        outcome: left.length > 0 ? 'mismatch' : comparison.error === undefined ? 'ignored' : 'error',
        differences: Object.freeze(left),
        differenceCount: left.length,
        ignored: Object.freeze([...comparison.ignored, ...excused]),
        ignoredCount: comparison.ignoredCount + excused.length,
      });
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

function reason({ control, sides }: NoisyPlace): string {
  const rate = ({ differed, sample }: Rate) => `${Math.round((differed / sample) * 100)} % of ${sample}`;
  return `noise: the control disagrees with itself here in ${rate(control)}, both sides in ${rate(sides)}`;
}

function placesOf({ differences }: Comparison): ReadonlySet<string> {
  return differences.length === 0 ? NOWHERE : new Set(differences.map(generalPlace));
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
