/** Bounds and intervals of a stream. */
export interface StreamLimits {
  /** Bytes of the source's log that are received and not yet applied. */
  readonly queueBytesMax: number;
  /** Rows of one statement. */
  readonly runRowsMax: number;
  /** Characters of the values of one statement, about. */
  readonly runCharactersMax: number;
  /** Rows after which a target transaction is committed at the next end of a source transaction. */
  readonly batchRowsMax: number;
  /** Milliseconds after which it is. */
  readonly batchMsMax: number;
  /** How often a mark is written to the source's log, in milliseconds. */
  readonly heartbeatMs: number;
  /** How often an idle stream writes its position down, in milliseconds. */
  readonly idleMs: number;
  /** How long a stop may take before connections are cut, in milliseconds. */
  readonly shutdownMs: number;
}

export const DEFAULT_LIMITS: StreamLimits = {
  queueBytesMax: 16 * 1024 * 1024,
  runRowsMax: 1_000,
  runCharactersMax: 1024 * 1024,
  batchRowsMax: 10_000,
  batchMsMax: 200,
  heartbeatMs: 2_000,
  idleMs: 10_000,
  shutdownMs: 10_000,
};

/** The limits in force, which change while the stream runs. */
export interface Pace {
  readonly limits: StreamLimits;
  /** Tells what a commit brought. */
  committed(batch: { readonly rows: number; readonly transactions: number }): void;
}

/**
 * Careful means: one row at a time, one source transaction at a time. Slow, but what is refused is then known exactly. It
 * ends once all that a batch can hold has passed, or there is nothing left.
 */
export function createPace(ordinary: StreamLimits, careful: boolean): Pace {
  let limits = careful ? { ...ordinary, runRowsMax: 1, batchRowsMax: 1 } : ordinary;
  let rows = 0;
  return {
    get limits() {
      return limits;
    },
    committed(batch) {
      rows += batch.rows;
      if (rows >= ordinary.batchRowsMax || batch.transactions === 0) limits = ordinary;
    },
  };
}
