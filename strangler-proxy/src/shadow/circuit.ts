/** Keeps shadow traffic away from a candidate that does not answer. */
export interface Circuit {
  readonly state: 'closed' | 'open' | 'half-open';
  /** Whether a call may be made now; a half-open circuit lets one through as a probe. */
  tryEnter(): boolean;
  succeeded(): void;
  failed(): void;
  /** The call ended without saying anything about the candidate. */
  left(): void;
}

/** What {@link createCircuit} takes. */
export interface CircuitOptions {
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** How long it stays open before one probe is let through, in milliseconds. */
  readonly openMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** A circuit breaker: closed, open after consecutive failures, half-open for a single probe, closed by its success. */
export function createCircuit({ failures, openMs, now }: CircuitOptions): Circuit {
  let consecutive = 0;
  let opened: number | undefined;
  let isProbing = false;
  return {
    get state() {
      return opened === undefined ? 'closed' : now() - opened >= openMs ? 'half-open' : 'open';
    },
    tryEnter() {
      if (opened === undefined) {
        return true;
      }
      if (isProbing || now() - opened < openMs) {
        return false;
      }
      isProbing = true;
      return true;
    },
    succeeded() {
      consecutive = 0;
      opened = undefined;
      isProbing = false;
    },
    failed() {
      consecutive++;
      if (isProbing || (opened === undefined && consecutive >= failures)) {
        opened = now();
      }
      isProbing = false;
    },
    left() {
      isProbing = false;
    },
  };
}
