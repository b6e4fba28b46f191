import { ValueError } from 'strangler-migrations/define';
import type { Care } from './limits.ts';

/**
 * Why a stream stands still until a person has done something. It goes on trying, in case it has been done.
 *
 * | code | meaning |
 * |---|---|
 * | `settings` | the source server is not set up for logical replication |
 * | `denied` | a role of ours lacks a privilege |
 * | `declaration` | the declaration does not fit the tables as they are |
 * | `tables-added` | the declaration names a table that was not part of the initial load |
 * | `target-not-empty` | the first load found rows in a target table |
 * | `slot-missing` | the replication slot is gone, and with it the changes since |
 * | `slot-lost` | PostgreSQL has invalidated the slot |
 * | `slot-elsewhere` | the slot's name is taken by another database or plugin |
 * | `slot-ahead` | the slot was confirmed beyond what the target holds |
 * | `publication-changed` | the publication left out, or leaves out, some of what the stream has to carry |
 * | `other-history` | the source is another cluster, or another timeline of it |
 * | `source-behind` | the source's log ends before the stored position: it was restored from a backup |
 * | `mapping` | a value that the declared mapping cannot carry |
 * | `refused` | the target database refuses a row: a constraint, a trigger, a type |
 * | `refused-at-commit` | the target database refuses a transaction at its end: a deferred constraint |
 * | `dead-letters-full` | an event has to wait for its key, and no more may be parked |
 * | `row-missing` | the target lacks a row that an event changes in part |
 * | `guarded` | the target's guard refuses the sync: that side is the owner, or has failed over |
 * | `source-changed` | a column that the mapping reads is no longer in the stream, or has another type |
 * | `other-engine` | the stream goes by way of Kafka, and is to be read from its slot |
 * | `not-carried` | Debezium would change values of a column without a word |
 * | `connector-paused` | someone has paused or stopped the connector |
 * | `connector-failed` | Debezium's task fails, also when it is started again |
 * | `log-missing` | the topic is gone |
 * | `log-settings` | the topic has more than one partition, or is compacted |
 * | `log-gap` | messages are missing in the topic that were never applied |
 */
export type StopCode =
  | 'settings'
  | 'denied'
  | 'declaration'
  | 'tables-added'
  | 'target-not-empty'
  | 'slot-missing'
  | 'slot-lost'
  | 'slot-elsewhere'
  | 'slot-ahead'
  | 'publication-changed'
  | 'other-history'
  | 'source-behind'
  | 'mapping'
  | 'refused'
  | 'refused-at-commit'
  | 'dead-letters-full'
  | 'row-missing'
  | 'guarded'
  | 'source-changed'
  | 'other-engine'
  | 'not-carried'
  | 'connector-paused'
  | 'connector-failed'
  | 'log-missing'
  | 'log-settings'
  | 'log-gap';

/** A stream stopped loudly: what happened, and what to do. Nothing has been acknowledged that is not in the target. */
export class StreamStop extends Error {
  override readonly name = 'StreamStop';
  readonly code: StopCode;
  /** What a person can do about it. */
  readonly fix: string;

  constructor(code: StopCode, what: string, fix: string, cause?: unknown) {
    super(what, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fix = fix;
  }
}

/** A batch was refused in a way that does not say by which event: it has to be applied again, with this much care. */
export class CareNeeded extends Error {
  override readonly name = 'CareNeeded';
  readonly care: Exclude<Care, 'ordinary'>;

  constructor(care: Exclude<Care, 'ordinary'>, cause: StreamStop) {
    super(cause.message, { cause });
    this.care = care;
  }
}

/** Another instance has taken the stream over; ours begins again, which means to wait for its turn. */
export class FenceLost extends Error {
  override readonly name = 'FenceLost';
}

/** The connection on which changes arrive ended without a word. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Whether trying again, with nothing changed by a person, may well succeed. */
export function isTransient(error: unknown): boolean {
  if (error instanceof StreamStop || error instanceof ValueError) return false;
  if (error instanceof FenceLost || error instanceof ConnectionLost) return true;
  const state = sqlState(error);
  if (state !== undefined) return TRANSIENT_STATES.some((prefix) => state.startsWith(prefix));
  return error instanceof Error && (networkCode(error) !== undefined || CONNECTION_MESSAGES.test(error.message));
}

/** The five characters of a PostgreSQL error (appendix A of its documentation); undefined for other errors. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof Error && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** One line for a log or a status page. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const detail = (error as { detail?: unknown }).detail;
  const message = error.message || networkCode(error) || error.name;
  return typeof detail === 'string' ? `${message} (${detail})` : message;
}

/** Connection trouble, rollback of a transaction, lack of resources, a server that stops or starts, an object in use. */
const TRANSIENT_STATES = ['08', '40', '53', '57P', '57014', '55006', '55P03', '25P03'];

const CONNECTION_MESSAGES = /connection terminated|connection ended|client was closed|not queryable|timeout expired/i;

function networkCode(error: Error): string | undefined {
  const codes = [error, ...((error as AggregateError).errors ?? [])].map(
    (each) => (each as NodeJS.ErrnoException).code,
  );
  return codes.find((code) => typeof code === 'string' && /^E[A-Z]{3,}/.test(code));
}
