import type { ColumnDescription } from './table-description.ts';

/**
 * A two-way translation of one column: one source column to one target column, and back.
 *
 * Values are PostgreSQL's text form, as `COPY` and `pgoutput` carry it under `DateStyle = ISO`, `TimeZone = UTC`,
 * `IntervalStyle = postgres`, `bytea_output = hex` and `extra_float_digits = 1`. NULL stays NULL on both sides: a codec
 * never sees it, and its SQL has to be strict.
 *
 * The four parts say the same thing four times, once for each use: `forward` for the change stream, `back` for the
 * reverse stream, `forwardSql` and `backSql` for loading and for verifying inside the databases. {@link proveCodec}
 * holds them against each other: `back(forward(x)) = x`, and each SQL expression gives on PostgreSQL what its function
 * gives. What a function refuses, its SQL refuses too, with an error: a value must not become NULL, or something near
 * it, without a word. (See `writing-a-codec.md`.)
 */
export interface Codec<Column extends string = string> {
  /** Its name in messages: `cents`. */
  readonly kind: string;
  /** The source column that it reads forward and writes back. */
  readonly source: Column;
  /**
   * Types of a source column that it takes, as `format_type` names them without their modifier: `numeric`, `text`.
   * `enum` stands for every enum.
   */
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
  /**
   * The SQL expression, over the source's column expression, that gives the target's value. Its type is one that can
   * be cast to the target's; who needs the target's very type (a digest, a join) writes `(expression)::type`.
   */
  forwardSql(column: string): string;
  /** The SQL expression, over the target's column expression, that gives the source's value. */
  backSql(column: string): string;
}

/** A value that a codec or a pair cannot carry. The row's event is a dead letter with this as its cause. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

/** The refusal of one value, shortened so that a large one does not fill a log. */
export function refuse(kind: string, value: string, why: string): never {
  const shown = value.length > 80 ? `${value.slice(0, 80)}… (${value.length} characters)` : value;
  throw new ValueError(`${kind} cannot carry "${shown}": ${why}`);
}
