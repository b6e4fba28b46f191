export { checkTables, type DescribedTables } from './check-tables.ts';
export type { Codec } from './codec.ts';
export { refuse, ValueError } from './codec.ts';
export * from './codecs/index.ts';
export * from './compare-rule.ts';
export type { Migration, MigrationDeclaration } from './declaration.ts';
export {
  type Claims,
  defineIdentity,
  type IdentityAnswer,
  type IdentityDeclaration,
  identityFaults,
} from './define-identity.ts';
export { defineMigration } from './define-migration.ts';
export { describeTable, describeTables } from './describe-table.ts';
export { describeFaults, type Fault, MigrationError } from './fault.ts';
export { KILL_SWITCH, serveFlag, shadowFlag, writeFlag } from './flags.ts';
export { type ForeignKeyPolicy, loose, undeleted } from './foreign-key.ts';
export { loadMigrations } from './load-migrations.ts';
export type { Pair, Text, TextRow } from './pair.ts';
export { pair } from './pair.ts';
export { type CodecProof, proveCodec } from './prove-codec.ts';
export type { Query } from './query.ts';
export { reverseMapping } from './reverse-mapping.ts';
export type { ReadMethod, Route, RouteDeclaration, WriteMethod } from './route.ts';
export { read, write } from './route.ts';
export { literal, refusal } from './sql.ts';
export type { ColumnMapping, RowsDeclaration, SourceRow, TableMapping, TableName, TargetRow } from './table.ts';
export { rows } from './table.ts';
export type { ColumnDescription, TableDescription } from './table-description.ts';
