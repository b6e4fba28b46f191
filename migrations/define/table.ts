import type { Codec } from './codec.ts';
import type { Pair } from './pair.ts';

/** A table's name; `schema` is `public` unless the declaration says otherwise. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** One target column filled by a codec. */
export interface ColumnMapping {
  readonly target: string;
  readonly codec: Codec;
}

/** How rows of one source table become rows of one target table, and back. */
export interface TableMapping {
  readonly source: TableName;
  readonly target: TableName;
  /** The columns that name a row, on both sides: the source's primary key and the target's, codec by codec. */
  readonly key: readonly ColumnMapping[];
  /** The other columns that codecs carry. */
  readonly columns: readonly ColumnMapping[];
  /** The columns that hand-written pairs carry. */
  readonly pairs: readonly Pair[];
  /** Columns that are deliberately not carried, each with the reason; an insert on that side leaves them to their default. */
  readonly unmapped: {
    readonly source: Readonly<Record<string, string>>;
    readonly target: Readonly<Record<string, string>>;
  };
}

type Codecs = Readonly<Record<string, Codec>>;

/** What {@link rows} takes. */
export interface RowsDeclaration {
  /** `prod`, or `schema.prod`. */
  readonly source: string;
  readonly target: string;
  /** Target column -> codec. */
  readonly key: Codecs;
  /** Target column -> codec. */
  readonly columns: Codecs;
  readonly pairs?: readonly Pair<never, never>[];
  readonly unmapped?: {
    readonly source?: Readonly<Record<string, string>>;
    readonly target?: Readonly<Record<string, string>>;
  };
}

/** Declares that each row of `source` is one row of `target`. */
export function rows(declaration: RowsDeclaration): TableMapping {
  const list = (codecs: Codecs) => Object.entries(codecs).map(([target, codec]) => ({ target, codec }));
  return {
    source: tableName(declaration.source),
    target: tableName(declaration.target),
    key: list(declaration.key),
    columns: list(declaration.columns),
    pairs: (declaration.pairs ?? []) as readonly Pair[],
    unmapped: { source: declaration.unmapped?.source ?? {}, target: declaration.unmapped?.target ?? {} },
  };
}

function tableName(name: string): TableName {
  const dot = name.indexOf('.');
  return dot < 0 ? { schema: 'public', name } : { schema: name.slice(0, dot), name: name.slice(dot + 1) };
}
