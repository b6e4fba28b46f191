/** What a database says about one of its columns. */
export interface ColumnDescription {
  readonly name: string;
  /** `format_type(atttypid, NULL)`: `numeric`, `character varying`, `text[]`; an enum or domain by its name. */
  readonly type: string;
  /** `format_type(atttypid, atttypmod)`: `numeric(10,2)`. */
  readonly fullType: string;
  /** The labels of an enum, in order; undefined for other types. */
  readonly enumLabels?: readonly string[];
  readonly notNull: boolean;
  /** Has a default, an identity or a sequence: an insert may leave it out. */
  readonly hasDefault: boolean;
  /** `GENERATED ALWAYS AS (...) STORED`: cannot be written at all. */
  readonly generated: boolean;
  /** Large values of it can be stored out of line (TOAST), and then be absent from an update's event. */
  readonly toastable: boolean;
}

/** What a database says about one of its tables. */
export interface TableDescription {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly ColumnDescription[];
  /** Columns of the primary key, in key order; empty without one. */
  readonly primaryKey: readonly string[];
  /** `pg_class.relreplident`. */
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | 'index';
}
