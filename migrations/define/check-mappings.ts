import type { Migration } from './declaration.ts';
import type { Fault } from './fault.ts';
import type { TableMapping, TableName } from './table.ts';

/** One mapping of a declaration with its place in it. */
export interface PlacedMapping {
  /** `catalog: tables[0] prod -> product` */
  readonly where: string;
  readonly mapping: TableMapping;
  /** Rows of `tables` go both ways, rows of `follows` forward only. */
  readonly bothWays: boolean;
}

/** Every mapping of a declaration, named as faults name it. */
export function placedMappings(migration: Migration): readonly PlacedMapping[] {
  const place = (list: 'tables' | 'follows') =>
    migration[list].map((mapping, index) => ({
      where: `${migration.capability}: ${list}[${index}] ${shown(mapping.source)} -> ${shown(mapping.target)}`,
      mapping,
      bothWays: list === 'tables',
    }));
  return [...place('tables'), ...place('follows')];
}

/** A table's name as a declaration writes it. */
export function shown({ schema, name }: TableName): string {
  return schema === 'public' ? name : `${schema}.${name}`;
}

/** The mappings of one declaration, as far as they can be checked without the databases. */
export function checkMappings(migration: Migration): Fault[] {
  const placed = placedMappings(migration);
  return [...placed.flatMap(checkMapping), ...checkOverlaps(placed)];
}

function checkMapping({ where, mapping }: PlacedMapping): readonly Fault[] {
  const faults: Fault[] = [];
  for (const [side, table] of [
    ['source', mapping.source],
    ['target', mapping.target],
  ] as const) {
    if (table.schema !== '' && table.name !== '' && !table.name.includes('.')) continue;
    const problem = `"${table.schema}.${table.name}" is no name of a table`;
    faults.push({ where: `${where}: ${side}`, problem, mend: 'Write "table", or "schema.table"' });
  }
  if (mapping.key.length === 0) {
    const mend = 'Map the columns of the primary key under "key": { id: integer("prod_id") }; a pair cannot be one';
    faults.push({ where: `${where}: key`, problem: 'it is empty, so no row could be found again', mend });
  }
  for (const { place, codec } of codecsOf(mapping)) {
    for (const problem of codec.faults ?? []) {
      const mend = `Mend the arguments of ${codec.kind}('${codec.source}', ...)`;
      faults.push({ where: `${where}: ${place}`, problem, mend });
    }
  }
  return [...faults, ...checkTwice(where, mapping), ...checkUnmapped(where, mapping), ...checkPairs(where, mapping)];
}

interface Use {
  /** `columns.price_cents`, `pairs[0] attributes` */
  readonly place: string;
  readonly source: string | undefined;
  readonly target: string | undefined;
}

function codecsOf(mapping: TableMapping) {
  const of = (list: 'key' | 'columns') =>
    mapping[list].map(({ target, codec }) => ({ place: `${list}.${target}`, target, codec }));
  return [...of('key'), ...of('columns')];
}

/** Every use of a column, in the order of the declaration. */
function usesOf(mapping: TableMapping): readonly Use[] {
  const codecs = codecsOf(mapping).map(({ place, target, codec }) => ({ place, source: codec.source, target }));
  const pairs = mapping.pairs.flatMap((each, index) => {
    const place = `pairs[${index}] ${each.name}`;
    const sources = Object.keys(each.source).map((source): Use => ({ place, source, target: undefined }));
    return [...sources, ...Object.keys(each.target).map((target): Use => ({ place, source: undefined, target }))];
  });
  return [...codecs, ...pairs];
}

function checkTwice(where: string, mapping: TableMapping): readonly Fault[] {
  const faults: Fault[] = [];
  for (const side of ['source', 'target'] as const) {
    const first = new Map<string, string>();
    for (const use of usesOf(mapping)) {
      const column = use[side];
      if (column === undefined) continue;
      const other = first.get(column);
      if (other === undefined) first.set(column, use.place);
      else {
        const problem = `the ${side} column ${column} is carried by ${other} already`;
        const mend =
          side === 'source'
            ? 'Carry it once; if two target columns come of it, write one pair for all three'
            : 'Fill it once; if it is made of two source columns, write one pair for all three';
        faults.push({ where: `${where}: ${use.place}`, problem, mend });
      }
    }
  }
  return faults;
}

function checkUnmapped(where: string, mapping: TableMapping): readonly Fault[] {
  const faults: Fault[] = [];
  for (const side of ['source', 'target'] as const) {
    const carried = new Map(usesOf(mapping).map((use) => [use[side], use.place]));
    for (const [column, reason] of Object.entries(mapping.unmapped[side])) {
      const here = `${where}: unmapped.${side}.${column}`;
      const place = carried.get(column);
      if (place) faults.push({ where: here, problem: `${place} carries it`, mend: 'Remove one of the two' });
      if (reason.trim() !== '') continue;
      faults.push({ where: here, problem: 'it has no reason', mend: 'Say why the column is left behind' });
    }
  }
  return faults;
}

function checkPairs(where: string, mapping: TableMapping): readonly Fault[] {
  return mapping.pairs.flatMap((each, index) => {
    if (Object.keys(each.source).length > 0 && Object.keys(each.target).length > 0) return [];
    const problem = 'it has no column on one of its sides';
    const mend = 'List the columns with their types under "source" and "target"';
    return [{ where: `${where}: pairs[${index}] ${each.name}`, problem, mend }];
  });
}

/** Two mappings that would write the same columns of the same table, so that the last one wins. */
function checkOverlaps(placed: readonly PlacedMapping[]): readonly Fault[] {
  const faults: Fault[] = [];
  for (const [index, one] of placed.entries()) {
    for (const other of placed.slice(index + 1)) {
      for (const side of ['source', 'target'] as const) {
        if (side === 'source' && !(one.bothWays && other.bothWays)) continue;
        if (shown(one.mapping[side]) !== shown(other.mapping[side])) continue;
        const columns = written(one.mapping, side).filter((column) => written(other.mapping, side).includes(column));
        if (columns.length === 0) continue;
        const problem = `${one.where.replace(/^[^:]*: /, '')} writes ${columns.join(', ')} of ${shown(other.mapping[side])} too`;
        faults.push({ where: other.where, problem, mend: 'Let one mapping write each column of a table' });
      }
    }
  }
  return faults;
}

/** The columns that a mapping writes, its key aside: that may be shared. */
function written(mapping: TableMapping, side: 'source' | 'target'): readonly string[] {
  const key = new Set(mapping.key.map(({ target, codec }) => (side === 'target' ? target : codec.source)));
  return usesOf(mapping)
    .flatMap((use) => use[side] ?? [])
    .filter((column) => !key.has(column));
}
