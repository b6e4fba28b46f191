import type { ColumnDescription } from './table-description.ts';

/**
 * A two-way translation of one column: one source column to one target column, and back.
 *
 * Values are PostgreSQL's text form, as `COPY` and `pgoutput` carry it under `DateStyle = ISO`, `TimeZone = UTC`,
 * `IntervalStyle = postgres`, `bytea_output = hex` and `extra_float_digits = 1`. NULL stays NULL on both sides: a codec
 * never sees it, and its SQL has to be strict.
 *
 * The four parts say the same thing four times, once for each use: `forward` for the change stream, `back` for the
 * reverse stream, `forwardSql` and `backSql` for loading and for verifying inside the databases. Property tests hold
 * them against each other: `back(forward(x)) = x`, and each SQL expression gives on PostgreSQL what its function gives.
 */
export interface Codec<Column extends string = string> {
  /** Its name in messages: `cents`. */
  readonly kind: string;
  /** The source column that it reads forward and writes back. */
  readonly source: Column;
  /** Types of a source column that it takes, as `format_type` names them without their modifier: `numeric`, `text`. */
  readonly sourceTypes: readonly string[];
  /** Types of a target column that it fills. */
  readonly targetTypes: readonly string[];
  /** Why these two columns, of types that would do, cannot be carried both ways without loss; undefined if they can. */
  lossy?(source: ColumnDescription, target: ColumnDescription): string | undefined;
  /** What is wrong with its own declaration (two codes for one meaning, say). */
  readonly faults?: readonly string[];
  /** Source text to target text. @throws {ValueError} for a value that it cannot carry. */
  forward(value: string): string;
  /** Target text to source text. @throws {ValueError} for a value that it cannot carry. */
  back(value: string): string;
  /** The SQL expression, over the source's column expression, that gives the target's value. */
  forwardSql(column: string): string;
  /** The SQL expression, over the target's column expression, that gives the source's value. */
  backSql(column: string): string;
}

/** A value that a codec or a pair cannot carry. The row's event is a dead letter with this as its cause. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}
