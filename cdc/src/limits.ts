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

/** One row at a time, one source transaction at a time: slow, but what is refused is then known exactly. */
export function carefulLimits(limits: StreamLimits): StreamLimits {
  return { ...limits, runRowsMax: 1, batchRowsMax: 1 };
}
