import type pg from 'pg';
import type { Logger } from 'pino';
import type { StreamRow } from '../apply/ledger.ts';
import type { StreamCourse } from '../direction.ts';
import type { StreamLimits } from '../limits.ts';
import type { Epoch } from '../position.ts';
import type { StreamName } from '../stream-name.ts';
import type { Capture } from './capture.ts';

/** A way to capture: what a stream needs to know of one. */
export interface CaptureEngine {
  readonly name: 'embedded' | 'debezium';
  /** How the marks have to be that move an idle stream. */
  readonly heartbeat: 'transactional' | 'plain';
  /** For one session of a stream. */
  open(session: EngineSession): CaptureSession;
  /** Looks at what the engine needs beside the two databases, and changes nothing. */
  examine(course: StreamCourse): Promise<readonly EngineFinding[]>;
  /** Removes what a stream that has ended for good holds outside of the two databases. */
  giveUp(name: StreamName, target: pg.Client): Promise<void>;
}

/** One thing that was looked at, as the doctor tells it. */
export interface EngineFinding {
  readonly name: string;
  readonly outcome: 'ok' | 'hint' | 'wanting';
  readonly found: string;
  readonly mend: string | null;
}

/** What a session of a stream has when it comes to capture. */
export interface EngineSession {
  readonly course: StreamCourse;
  /** Ordinary sessions of the two databases. */
  readonly source: pg.Client;
  readonly target: pg.Client;
  /** The history that the source is on. */
  readonly epoch: Epoch;
  readonly limits: StreamLimits;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export interface CaptureSession {
  /** Before the slot of a first load is made: ends what may still read an older one. */
  prepare(): Promise<void>;
  /**
   * Proves that capture goes on exactly where the target's position ends.
   *
   * @returns The row, with what the engine has written down in it.
   * @throws {StreamStop} whenever a change may have been missed. There is no silent second load.
   */
  verify(row: StreamRow): Promise<StreamRow>;
  /** Captures whatever was committed from that position on. */
  follow(row: StreamRow): Promise<Capture>;
  /** Whatever happened before. */
  end(): Promise<void>;
}
