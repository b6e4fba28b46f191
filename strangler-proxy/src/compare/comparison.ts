/**
 * What one comparison found; the words are disjoint.
 *
 * - `match`: equal, under the route's rules for what equal means (unordered, tolerance);
 * - `ignored`: differed only where a rule says that it does not count (ignore, ignore-header);
 * - `mismatch`: differed where it counts;
 * - `stale`: differed only because the data had not arrived yet. {@link compareAnswers} never says it: it takes someone
 *   who sees the change stream's position;
 * - `error`: could not be compared, and nothing that could be compared differed.
 */
export type Outcome = 'match' | 'mismatch' | 'ignored' | 'stale' | 'error';

/**
 * How two values differ.
 *
 * - `missing`: the control has it, the candidate has not; `extra`: the other way round;
 * - `type`: a string here and a number there, or an integer here and a decimal of the same value there;
 * - `value`: of one type, and not equal;
 * - `order`: an array with the same items in another order;
 * - `length`: arrays of different lengths; the items that are missing or extra follow.
 */
export type DifferenceKind = 'missing' | 'extra' | 'type' | 'value' | 'order' | 'length';

/** One place in which the two answers differ. */
export interface Difference {
  readonly part: 'status' | 'header' | 'body';
  /** A header's name in lower case, a JSON Pointer (RFC 6901) into the control's body, or empty for the whole part. */
  readonly path: string;
  readonly kind: DifferenceKind;
  /** The control's value as a person reads it, shortened; absent if the control has none. */
  readonly control?: string;
  readonly candidate?: string;
  /** Why it does not count; only on differences that a rule excuses. */
  readonly reason?: string;
}

/** The frozen result of comparing two answers. */
export interface Comparison {
  readonly outcome: Outcome;
  /** The first differences that count; {@link differenceCount} is the number of all. */
  readonly differences: readonly Difference[];
  readonly differenceCount: number;
  /** The first differences that a rule excuses; {@link ignoredCount} is the number of all. */
  readonly ignored: readonly Difference[];
  readonly ignoredCount: number;
  /** Why the answers, or a part of them, could not be compared. */
  readonly error?: string;
}

/** Bounds of one comparison. */
export interface CompareLimits {
  /** Differences kept; the others are counted. */
  readonly differences: number;
  /** Length of a value that is kept, in characters. */
  readonly value: number;
  /** Size of a decoded body, in bytes: beyond it lies a decompression bomb, and the comparison is an error. */
  readonly decodedBytes: number;
}

/** Enough for a person, little enough for a server that keeps many. */
export const defaultLimits: CompareLimits = { differences: 50, value: 240, decodedBytes: 16 * 1024 * 1024 };

/** `status`, `header location` or `body /products/3/price`. */
export function placeOf(difference: Pick<Difference, 'part' | 'path'>): string {
  return difference.path === '' ? difference.part : `${difference.part} ${difference.path}`;
}
