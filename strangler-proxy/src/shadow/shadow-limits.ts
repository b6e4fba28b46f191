/** Bounds of shadowing; beyond each, requests are skipped and counted. */
export interface ShadowLimits {
  /** Shadow requests at once, per candidate. */
  readonly concurrency: number;
  /** Size of one answer as it was sent, in bytes. */
  readonly answerBytes: number;
  /** Size of one answer after decoding, in bytes. */
  readonly decodedBytes: number;
  /** All answers that are held, in bytes. */
  readonly totalBytes: number;
  /** How long the served answer may take from the start of a shadow, and the copy's from when it was sent, in milliseconds. */
  readonly timeMs: number;
  /** Pairs of answers that wait to be compared. */
  readonly queue: number;
  /** Share of the shadowed requests whose control is asked twice, to learn where it disagrees with itself; 0 to 1. */
  readonly noiseShare: number;
  /** Controls that are asked twice at once. */
  readonly secondAsks: number;
  /** Mismatches that are looked at once more at once; while there are as many, nothing new is compared. */
  readonly rechecks: number;
  /** How long a mismatch waits for the lagging store, in milliseconds: an idle stream tells its position every ten seconds. */
  readonly catchUpMs: number;
  /** Consecutive failures that open a candidate's circuit. */
  readonly circuitFailures: number;
  /** How long a circuit stays open before a probe, in milliseconds. */
  readonly circuitOpenMs: number;
}

export const defaultShadowLimits: ShadowLimits = {
  concurrency: 32,
  answerBytes: 256 * 1024,
  decodedBytes: 2 * 1024 * 1024,
  totalBytes: 32 * 1024 * 1024,
  timeMs: 10_000,
  queue: 256,
  noiseShare: 0.05,
  secondAsks: 8,
  rechecks: 32,
  catchUpMs: 30_000,
  circuitFailures: 5,
  circuitOpenMs: 10_000,
};
