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
  /** Events that are parked as dead letters; 0 parks none, so that the first one that cannot be applied stops the stream. */
  readonly deadLettersMax: number;
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
  deadLettersMax: 10_000,
  shutdownMs: 10_000,
};

/**
 * How a batch is applied. `events`: what is refused is looked for event by event. `transactions`: also one source
 * transaction at a time, so that one which is refused at its commit is known.
 */
export type Care = 'ordinary' | 'events' | 'transactions';

/** The limits in force, which change while the stream runs. */
export interface Pace {
  readonly limits: StreamLimits;
  readonly care: Care;
  readonly careful: boolean;
  /** Target tables, as `schema.name`, that were found to hold a row which they should not have held yet. */
  readonly occupied: Set<string>;
  /** From the next batch on. */
  take(care: Care): void;
  /** Tells what a commit brought. */
  committed(batch: { readonly rows: number; readonly transactions: number }): void;
}

/** Care is slow, so it ends once all that a batch can hold has passed, or there is nothing left. */
export function createPace(ordinary: StreamLimits): Pace {
  let care: Care = 'ordinary';
  let rows = 0;
  return {
    get limits() {
      return care === 'transactions' ? { ...ordinary, batchRowsMax: 1 } : ordinary;
    },
    get care() {
      return care;
    },
    get careful() {
      return care !== 'ordinary';
    },
    occupied: new Set(),
    take(next) {
      care = next;
      rows = 0;
    },
    committed(batch) {
      rows += batch.rows;
      if (rows >= ordinary.batchRowsMax || batch.transactions === 0) care = 'ordinary';
    },
  };
}
