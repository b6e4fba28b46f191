/** A PostgreSQL value in its text form; null is SQL NULL. */
export type Text = string | null;

/** Columns by name, in text form. */
export type TextRow<Column extends string = string> = Readonly<Record<Column, Text>>;

/**
 * A hand-written translation, for what no codec can say: some source columns to some target columns, and back, by two
 * pure functions. They have to be inverse: `back(forward(row))` is the row again, in every column. Loaded and verified
 * by streaming, as no SQL is known for it, so `forward` has to write PostgreSQL's own text form: for `jsonb`, the
 * members in PostgreSQL's order with its spaces.
 */
export interface Pair<Source extends string = string, Target extends string = string> {
  /** Its name in messages. */
  readonly name: string;
  /** The source columns with their types, as `format_type` names them without their modifier. */
  readonly source: Readonly<Record<Source, string>>;
  /** The target columns with their types. */
  readonly target: Readonly<Record<Target, string>>;
  /** @throws {ValueError} for values that cannot be carried. */
  forward(row: TextRow<Source>): TextRow<Target>;
  /** @throws {ValueError} for values that cannot be carried. */
  back(row: TextRow<Target>): TextRow<Source>;
}

/** `Row` itself if it has no other columns than `Column`; TypeScript by itself lets a function return more. */
type Only<Row, Column extends string> = Row & { readonly [Extra in Exclude<keyof Row, Column>]: never };

/** Declares a hand-written pair; it exists for its types: a wrong column name in either function does not compile. */
export function pair<
  const Source extends string,
  const Target extends string,
  There extends TextRow<NoInfer<Target>>,
  Back extends TextRow<NoInfer<Source>>,
>(declaration: {
  readonly name: string;
  readonly source: Readonly<Record<Source, string>>;
  readonly target: Readonly<Record<Target, string>>;
  forward(row: TextRow<NoInfer<Source>>): Only<There, NoInfer<Target>>;
  back(row: TextRow<NoInfer<Target>>): Only<Back, NoInfer<Source>>;
}): Pair<Source, Target> {
  return declaration;
}
