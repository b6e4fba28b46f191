import type { ChangeEvent } from '../change-event.ts';
import type { Lsn, Position } from '../position.ts';

/** What a capture hands over, in the order in which the source committed it. */
export type Captured =
  /** A source transaction begins. All until its `commit` belongs to it: transactions are never interleaved. */
  | { readonly kind: 'begin'; readonly position: Position; readonly txId: number; readonly committedAtMs: number }
  | { readonly kind: 'change'; readonly event: ChangeEvent }
  /** The transaction is complete; `end` is the position of a stream that has applied it. */
  | { readonly kind: 'commit'; readonly end: Position }
  /** A transaction that our own other direction wrote, of so many changes: left out. `end` is the position behind it. */
  | { readonly kind: 'echo'; readonly changes: number; readonly end: Position }
  /** The columns of a table, before its first event and after each change of its definition. */
  | { readonly kind: 'table'; readonly schema: string; readonly table: string; readonly columns: readonly string[] }
  /** A message that someone wrote to the source's log by `pg_logical_emit_message`. */
  | { readonly kind: 'message'; readonly prefix: string; readonly content: string; readonly lsn: Lsn }
  /** There is nothing of ours below this position that has not been handed over. `urgent`: the source waits for it. */
  | { readonly kind: 'progress'; readonly reached: Position; readonly urgent: boolean };

/** One running capture: the port that the embedded engine fills, and that others can. */
export interface Capture {
  /**
   * All that has arrived and was not yet taken; waits until there is something, or until capture is told to end. What
   * was taken before counts as done with, so its bytes make room for more.
   *
   * @throws whatever ended the capture.
   */
  next(): Promise<readonly Captured[]>;
  /** Says that every effect below this position is durable in the target: the source may forget it. */
  acknowledge(lsn: Lsn): void;
  /** Ends it with this error, which `next` throws: for what was noticed beside the stream. */
  fail(error: Error): void;
  /** Sends what was acknowledged, then closes the connection. */
  close(): Promise<void>;
}
