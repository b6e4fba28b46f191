import { type PlacedMapping, placedMappings, shown } from './check-mappings.ts';
import type { Codec } from './codec.ts';
import type { Migration } from './declaration.ts';
import type { Fault } from './fault.ts';
import type { TableMapping } from './table.ts';
import type { ColumnDescription, TableDescription } from './table-description.ts';

/** The tables of both databases, as `describeTables` gives them. */
export interface DescribedTables {
  readonly source: readonly TableDescription[];
  readonly target: readonly TableDescription[];
}

type Side = keyof DescribedTables;

/**
 * Everything that stands between a declaration and its two databases, so that it is known before the first row moves:
 * missing tables and columns, types that a codec does not take or would lose something of, columns that nobody fills
 * or that nobody has said a word about, keys and replica identities that a change stream cannot work with.
 */
export function checkTables(migration: Migration, described: DescribedTables): Fault[] {
  return placedMappings(migration).flatMap((placed) => {
    const source = find(described.source, placed.mapping.source);
    const target = find(described.target, placed.mapping.target);
    const faults = [...missingTable(placed, 'source', source), ...missingTable(placed, 'target', target)];
    if (source) faults.push(...checkSide(placed, 'source', source));
    if (target) faults.push(...checkSide(placed, 'target', target));
    if (source && target) faults.push(...checkCodecs(placed, source, target));
    return faults;
  });
}

function find(tables: readonly TableDescription[], { schema, name }: TableMapping['source']) {
  return tables.find((table) => table.schema === schema && table.name === name);
}

function missingTable({ where, mapping }: PlacedMapping, side: Side, table: TableDescription | undefined): Fault[] {
  if (table) return [];
  const problem = `the ${side} database has no table ${shown(mapping[side])}`;
  return [{ where, problem, mend: `Correct "${side}", or apply that database's migrations first` }];
}

/** One side by itself: its columns, its key and its change stream. */
function checkSide(placed: PlacedMapping, side: Side, table: TableDescription): Fault[] {
  const { where, mapping, bothWays } = placed;
  const uses = columnUses(mapping, side);
  const faults: Fault[] = [];
  for (const { place, column, type } of uses) {
    const actual = columnOf(table, column);
    const here = `${where}: ${place}`;
    if (actual === undefined) {
      faults.push({
        where: here,
        problem: `${shown(mapping[side])} has no column ${column}`,
        mend: `Name one of ${names(table)}`,
      });
    } else if (actual.generated) {
      const problem = `${column} is a generated column: it cannot be written, and no change stream carries it`;
      faults.push({ where: here, problem, mend: `Take it out, and list it under unmapped.${side}` });
    } else if (type !== undefined && type !== actual.type) {
      faults.push({
        where: here,
        problem: `${column} is ${actual.type}, not ${type}`,
        mend: `Write ${column}: '${actual.type}'`,
      });
    }
  }
  const isWritten = side === 'target' || bothWays;
  const isCaptured = side === 'source' || bothWays;
  faults.push(...checkCoverage(placed, side, table, new Set(uses.map(({ column }) => column)), isWritten));
  faults.push(...checkKey(placed, side, table));
  if (isCaptured) faults.push(...checkReplicaIdentity(placed, side, table));
  return faults;
}

/** Every column is carried or deliberately left behind, and what is left behind can be. */
function checkCoverage(
  { where, mapping }: PlacedMapping,
  side: Side,
  table: TableDescription,
  carried: ReadonlySet<string>,
  isWritten: boolean,
): Fault[] {
  const faults: Fault[] = [];
  for (const column of Object.keys(mapping.unmapped[side])) {
    if (columnOf(table, column)) continue;
    const problem = `${shown(mapping[side])} has no column ${column}`;
    faults.push({ where: `${where}: unmapped.${side}.${column}`, problem, mend: 'Take it out' });
  }
  for (const column of table.columns) {
    if (carried.has(column.name)) continue;
    if (isWritten && column.notNull && !column.hasDefault && !column.generated) {
      const problem = `the ${side} column ${column.name} must not be null, has no default, and is not filled`;
      faults.push({ where, problem, mend: `Map ${column.name}, or give it a default in the ${side} database` });
    } else if (mapping.unmapped[side][column.name] === undefined) {
      const problem = `nothing is said of the ${side} column ${column.name} (${column.fullType})`;
      const mend = `Map it, or list it with the reason: unmapped: { ${side}: { ${column.name}: '...' } }`;
      faults.push({ where, problem, mend });
    }
  }
  return faults;
}

function checkKey({ where, mapping }: PlacedMapping, side: Side, table: TableDescription): Fault[] {
  const key = mapping.key.map(({ target, codec }) => (side === 'target' ? target : codec.source));
  const { primaryKey } = table;
  if (key.length === primaryKey.length && key.every((column) => primaryKey.includes(column))) return [];
  const actual = primaryKey.length === 0 ? 'there is none' : `that is (${primaryKey.join(', ')})`;
  const problem = `the key's ${side} columns (${key.join(', ')}) are not the primary key of ${shown(mapping[side])}: ${actual}`;
  const mend =
    primaryKey.length === 0
      ? 'Give the table a primary key'
      : `Map ${primaryKey.join(', ')} under "key", and nothing else`;
  return [{ where: `${where}: key`, problem, mend }];
}

/** https://www.postgresql.org/docs/current/logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY */
function checkReplicaIdentity({ where, mapping }: PlacedMapping, side: Side, table: TableDescription): Fault[] {
  const name = shown(mapping[side]);
  const { replicaIdentity } = table;
  if (replicaIdentity === 'nothing' || replicaIdentity === 'index') {
    const problem =
      replicaIdentity === 'nothing'
        ? `the replica identity of ${name} is NOTHING: PostgreSQL refuses updates and deletes once it is published`
        : `the replica identity of ${name} is an index: a delete tells the index's columns, not the primary key`;
    return [{ where, problem, mend: `ALTER TABLE ${name} REPLICA IDENTITY DEFAULT` }];
  }
  if (replicaIdentity === 'full') return [];
  return mapping.pairs.flatMap((pair, index) => {
    const columns = Object.keys(pair[side]);
    const large = columns.filter((column) => columnOf(table, column)?.toastable);
    if (columns.length < 2 || large.length === 0) return [];
    const problem =
      `it needs ${columns.join(' and ')} together, but an update that leaves a large ${large.join(' or ')} as it is ` +
      'does not tell its value';
    const mend = `ALTER TABLE ${name} REPLICA IDENTITY FULL`;
    return [{ where: `${where}: pairs[${index}] ${pair.name}`, problem, mend }];
  });
}

/** The two sides of each codec: types, loss, and NULL. */
function checkCodecs(placed: PlacedMapping, source: TableDescription, target: TableDescription): Fault[] {
  const { where, mapping, bothWays } = placed;
  const faults: Fault[] = [];
  for (const list of ['key', 'columns'] as const) {
    for (const { target: column, codec } of mapping[list]) {
      const [from, to] = [columnOf(source, codec.source), columnOf(target, column)];
      if (from === undefined || to === undefined) continue;
      faults.push(...checkCodec(`${where}: ${list}.${column}`, codec, { from, to, bothWays }));
    }
  }
  return faults;
}

interface Ends {
  readonly from: ColumnDescription;
  readonly to: ColumnDescription;
  readonly bothWays: boolean;
}

function checkCodec(where: string, codec: Codec, { from, to, bothWays }: Ends): Fault[] {
  const call = `${codec.kind}('${codec.source}')`;
  const faults: Fault[] = [];
  if (!takes(codec.sourceTypes, from)) {
    const problem = `${call} reads ${codec.sourceTypes.join(', ')}, but the source column ${from.name} is ${from.fullType}`;
    faults.push({ where, problem, mend: 'Choose the codec for this type, or write one' });
  }
  if (!takes(codec.targetTypes, to)) {
    const problem = `${call} fills ${codec.targetTypes.join(', ')}, but the target column ${to.name} is ${to.fullType}`;
    faults.push({ where, problem, mend: 'Choose the codec for this type, or write one' });
  }
  if (faults.length > 0) return faults;
  const loss = codec.lossy?.(from, to);
  if (loss !== undefined) {
    faults.push({
      where,
      problem: `${call} would lose something: ${loss}`,
      mend: 'Change one of the columns, or the codec',
    });
  }
  const strict = (side: Side, nullable: ColumnDescription, other: ColumnDescription) => {
    const problem = `the ${side} column ${nullable.name} may be null, ${other.name} must not`;
    faults.push({
      where,
      problem,
      mend: `Make both alike: ALTER TABLE ... ALTER COLUMN ${nullable.name} SET NOT NULL`,
    });
  };
  if (!from.notNull && to.notNull) strict('source', from, to);
  if (bothWays && !to.notNull && from.notNull) strict('target', to, from);
  return faults;
}

function takes(types: readonly string[], column: ColumnDescription): boolean {
  return types.includes(column.type) || (column.enumLabels !== undefined && types.includes('enum'));
}

/** The columns of one side that a mapping names; `type` is what a pair expects. */
function columnUses(mapping: TableMapping, side: Side) {
  const codecs = (['key', 'columns'] as const).flatMap((list) =>
    mapping[list].map(({ target, codec }) => ({
      place: `${list}.${target}`,
      column: side === 'target' ? target : codec.source,
      type: undefined,
    })),
  );
  const pairs = mapping.pairs.flatMap((pair, index) =>
    Object.entries(pair[side]).map(([column, type]) => ({ place: `pairs[${index}] ${pair.name}`, column, type })),
  );
  return [...codecs, ...pairs];
}

function columnOf(table: TableDescription, name: string): ColumnDescription | undefined {
  return table.columns.find((column) => column.name === name);
}

function names(table: TableDescription): string {
  return table.columns.map(({ name }) => name).join(', ');
}
