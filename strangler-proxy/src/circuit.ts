/** Keeps traffic away from what does not answer. */
export interface Circuit {
  readonly state: 'closed' | 'open' | 'half-open';
  /** Whether {@link Circuit.tryEnter} would say yes. */
  readonly isReady: boolean;
  /** How often it has opened since the start. */
  readonly opened: number;
  /** Whether a call may be made now; a half-open circuit lets one through as a probe. */
  tryEnter(): boolean;
  succeeded(): void;
  failed(): void;
  /** The call ended without saying anything about the other side. */
  left(): void;
}

/** What {@link createCircuit} takes. */
export interface CircuitOptions {
  /** Consecutive failures that open it. */
  readonly failures: number;
  /**
   * The share of failures above which it opens as well, from 0 to 1, for what fails only now and then. Each call weighs
   * a sixteenth less than the one after it. Default 1: never.
   */
  readonly failureShareMax?: number;
  /** How long it stays open before one probe is let through, in milliseconds. */
  readonly openMs: number;
  /** Every probe that fails doubles the time, up to this. Default `openMs`. */
  readonly openMsMax?: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const WEIGHT = 1 / 16;

/** A circuit breaker: closed, open after failures, half-open for a single probe, closed by its success. */
export function createCircuit(options: CircuitOptions): Circuit {
  const { failures, failureShareMax = 1, openMs, openMsMax = openMs, now } = options;
  let consecutive = 0;
  let share = 0;
  let openedAt: number | undefined;
  let openForMs = openMs;
  let probedAt: number | undefined;
  let opened = 0;

  function isReady(): boolean {
    if (openedAt === undefined) return true;
    const at = now();
    // A probe that takes longer than that says nothing any more, and must not keep out everyone else.
    return at - openedAt >= openForMs && (probedAt === undefined || at - probedAt >= openForMs);
  }

  return {
    get state() {
      return openedAt === undefined ? 'closed' : now() - openedAt >= openForMs ? 'half-open' : 'open';
    },
    get isReady() {
      return isReady();
    },
    get opened() {
      return opened;
    },
    tryEnter() {
      if (!isReady()) return false;
      if (openedAt !== undefined) probedAt = now();
      return true;
    },
    succeeded() {
      consecutive = 0;
      if (openedAt === undefined) {
        share -= share * WEIGHT;
        return;
      }
      share = 0;
      openedAt = undefined;
      openForMs = openMs;
      probedAt = undefined;
    },
    failed() {
      consecutive++;
      share += (1 - share) * WEIGHT;
      if (probedAt !== undefined) openForMs = Math.min(openForMs * 2, openMsMax);
      else if (openedAt !== undefined || (consecutive < failures && share <= failureShareMax)) return;
      openedAt = now();
      probedAt = undefined;
      opened++;
    },
    left() {
      probedAt = undefined;
    },
  };
}
