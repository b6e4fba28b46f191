import type { Codec } from './codec.ts';
import type { Pair, TextRow } from './pair.ts';

/** A table's name; `schema` is `public` unless the declaration says otherwise. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** One target column filled by a codec. */
export interface ColumnMapping<Source extends string = string, Target extends string = string> {
  readonly target: Target;
  readonly codec: Codec<Source>;
}

/** How rows of one source table become rows of one target table, and back. */
export interface TableMapping<Source extends string = string, Target extends string = string> {
  readonly source: TableName;
  readonly target: TableName;
  /** The columns that name a row, on both sides: the source's primary key and the target's, codec by codec. */
  readonly key: readonly ColumnMapping<Source, Target>[];
  /** The other columns that codecs carry. */
  readonly columns: readonly ColumnMapping<Source, Target>[];
  /** The columns that hand-written pairs carry. */
  readonly pairs: readonly Pair[];
  /** Columns that are deliberately not carried, each with the reason; an insert on that side leaves them to their default. */
  readonly unmapped: {
    readonly source: Readonly<Record<string, string>>;
    readonly target: Readonly<Record<string, string>>;
  };
}

/** The carried columns of a mapping's source row, in text form: `SourceRow<typeof products>`. */
export type SourceRow<Mapping extends TableMapping> =
  Mapping extends TableMapping<infer Source, string> ? TextRow<Source> : never;

/** The carried columns of a mapping's target row, in text form. */
export type TargetRow<Mapping extends TableMapping> =
  Mapping extends TableMapping<string, infer Target> ? TextRow<Target> : never;

type Codecs = Readonly<Record<string, Codec>>;
type Names<Columns> = keyof Columns & string;
type SourceOf<Columns extends Codecs> = Columns[keyof Columns]['source'];
/** No names at all if they are not known one by one. */
type Known<Name> = string extends Name ? never : Name;
// Distributive, as without pairs there is none to take names of.
type PairSource<Each> = Each extends Pair ? Names<Each['source']> : never;
type PairTarget<Each> = Each extends Pair ? Names<Each['target']> : never;

/** What {@link rows} takes. */
export interface RowsDeclaration<
  Key extends Codecs = Codecs,
  Columns extends Codecs = Codecs,
  Pairs extends readonly Pair[] = readonly Pair[],
> {
  /** `prod`, or `schema.prod`. */
  readonly source: string;
  readonly target: string;
  /** Target column -> codec. */
  readonly key: Key;
  /** Target column -> codec. None of them may be in `key` too, nor in a pair. */
  readonly columns: Columns & {
    readonly [Twice in Names<Columns> & Known<Names<Key> | PairTarget<Pairs[number]>>]: never;
  };
  readonly pairs?: Pairs;
  readonly unmapped?: {
    /** Source column -> why it is not carried. */
    readonly source?: Readonly<Record<string, string>>;
    /** Target column -> why it is not filled. */
    readonly target?: Readonly<Record<string, string>>;
  };
}

/** Declares that each row of `source` is one row of `target`. */
export function rows<Key extends Codecs, Columns extends Codecs, const Pairs extends readonly Pair[] = readonly []>(
  declaration: RowsDeclaration<Key, Columns, Pairs>,
): TableMapping<
  SourceOf<Key> | SourceOf<Columns> | PairSource<Pairs[number]>,
  Names<Key> | Names<Columns> | PairTarget<Pairs[number]>
> {
  return {
    source: tableName(declaration.source),
    target: tableName(declaration.target),
    key: list(declaration.key),
    columns: list(declaration.columns),
    pairs: declaration.pairs ?? [],
    unmapped: { source: declaration.unmapped?.source ?? {}, target: declaration.unmapped?.target ?? {} },
  };
}

function list<Columns extends Codecs>(columns: Columns): ColumnMapping<SourceOf<Columns>, Names<Columns>>[] {
  const entries = Object.entries(columns) as [Names<Columns>, Codec<SourceOf<Columns>>][];
  return entries.map(([target, codec]) => ({ target, codec }));
}

function tableName(name: string): TableName {
  const dot = name.indexOf('.');
  return dot < 0 ? { schema: 'public', name } : { schema: name.slice(0, dot), name: name.slice(dot + 1) };
}
