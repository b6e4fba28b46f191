/** Where a share lies, from 0 to 1. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The quantile of the normal distribution that leaves 2.5 % at either end. */
const Z = 1.959963984540054;

/**
 * The 95 % score interval of a share that was seen in a sample: E. B. Wilson, "Probable Inference, the Law of
 * Succession, and Statistical Inference", JASA 22 (1927). Unlike the textbook's interval it is right for small samples
 * and for shares near 1, which is where parity lives: 10 matches of 10 prove no more than 72 %.
 *
 * @returns null for an empty sample
 */
export function wilsonInterval(hits: number, sample: number): Interval | null {
  if (sample === 0) {
    return null;
  }
  const share = hits / sample;
  const centre = share + (Z * Z) / (2 * sample);
  const reach = Z * Math.sqrt((share * (1 - share)) / sample + (Z * Z) / (4 * sample * sample));
  const scale = 1 + (Z * Z) / sample;
  return { low: Math.max(0, (centre - reach) / scale), high: Math.min(1, (centre + reach) / scale) };
}
