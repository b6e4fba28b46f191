import type { StreamLimits } from '../../limits.ts';

/** A message of the log, as it lies there. */
export interface LogMessage {
  readonly offset: bigint;
  /** Null for what Kafka calls a tombstone. */
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

/** What a topic is like at this moment. */
export interface TopicState {
  readonly partitions: number;
  /** Settings by name, as the broker has them, defaults included. */
  readonly settings: Readonly<Record<string, string>>;
  /** The first offset that is still there. */
  readonly first: bigint;
  /** The offset that the next message will have. */
  readonly next: bigint;
}

/** Reads one partition in order, from a place that we name: never from where a group of consumers has been. */
export interface LogReader {
  /**
   * What has arrived and was not yet taken; waits until there is something, or until it is told to end. Offsets rise by
   * one from message to message, or the reader fails.
   *
   * @throws whatever ended it. `ConnectionLost` when the broker is gone, or has not answered for long.
   */
  next(): Promise<readonly LogMessage[]>;
  /** Goes on from this offset; what was read and not yet taken is dropped. */
  seek(offset: bigint): void;
  fail(error: Error): void;
  close(): Promise<void>;
}

/** The client of the log: all that is needed of one, so that another can take its place. */
export interface LogClient {
  /** Creates the topic, with one partition; false when there is one of that name. */
  createTopic(name: string, settings: Readonly<Record<string, string>>): Promise<boolean>;
  /** Undefined when there is no such topic. */
  describeTopic(name: string): Promise<TopicState | undefined>;
  deleteTopic(name: string): Promise<void>;
  read(
    topic: string,
    from: bigint,
    options: { readonly limits: Pick<StreamLimits, 'queueBytesMax'>; readonly signal: AbortSignal },
  ): Promise<LogReader>;
  /** Brokers that answer: how many copies of a topic there can be. */
  brokers(): Promise<number>;
  close(): Promise<void>;
}
