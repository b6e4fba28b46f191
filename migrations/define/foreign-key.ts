/**
 * What keeps a foreign key true although its two ends are written by different sides. The sync applies changes with
 * foreign keys off (`session_replication_role = replica`), so the database itself does not.
 */
export interface ForeignKeyPolicy {
  /**
   * `undeleted`: no row that it refers to is ever deleted, on either side; they are marked instead, so no reference can
   * break. `loose`: a reference may point at nothing, and whoever reads it bears that.
   */
  readonly kind: 'undeleted' | 'loose';
  readonly reason: string;
}

/** The rows that it refers to are never deleted. `undeleted('a product is marked as deleted (prod_st 9)')` */
export function undeleted(reason: string): ForeignKeyPolicy {
  return { kind: 'undeleted', reason };
}

/** It may point at nothing. `loose('the job that counts reviews skips products that are gone')` */
export function loose(reason: string): ForeignKeyPolicy {
  return { kind: 'loose', reason };
}
