import {
  type ColumnMapping,
  type Pair,
  type TableMapping,
  type TableName,
  type Text,
  ValueError,
} from 'strangler-migrations/define';
import { type ChangeEvent, describeEvent, type Row } from './change-event.ts';
import { StreamStop } from './errors.ts';

/** A target table as the mapping fills it: the columns that it writes, those of the key first. */
export interface TargetTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
  /** How many of the columns are the key. */
  readonly keyWidth: number;
}

/** What one event means to one target table. Values stand in the order of the table's columns. */
export type RowChange =
  /**
   * The whole row: it is there afterwards, whether or not it was before. `fresh`: the source has just made it and no other
   * mapping fills the table, so it was not, unless something else than the stream has written to the target.
   */
  | { readonly kind: 'put'; readonly table: TargetTable; readonly values: readonly Text[]; readonly fresh?: boolean }
  /** Some columns of a row that is there: `columns` are indexes into the table's, beside those of the key. */
  | {
      readonly kind: 'set';
      readonly table: TargetTable;
      readonly key: readonly Text[];
      readonly columns: readonly number[];
      readonly values: readonly Text[];
    }
  | { readonly kind: 'delete'; readonly table: TargetTable; readonly key: readonly Text[] }
  | { readonly kind: 'truncate'; readonly table: TargetTable };

/** A migration's tables, compiled. */
export interface Mapper {
  /** What an event means to the target: a change per mapping of its table; nothing for a table that is not mapped. */
  map(event: ChangeEvent): readonly RowChange[];
  /** @throws {StreamStop} `source-changed` when the stream no longer carries a column that the mapping reads. */
  checkColumns(schema: string, table: string, columns: readonly string[]): void;
}

/** Compiles the mappings of one direction. Several may read one table. */
export function compileMapper(mappings: readonly TableMapping[]): Mapper {
  const byTable = new Map<string, SourceMapper[]>();
  for (const mapping of mappings) {
    const name = tableName(mapping.source);
    const alone = mappings.every((other) => other === mapping || tableName(other.target) !== tableName(mapping.target));
    byTable.set(name, [...(byTable.get(name) ?? []), { ...compileTable(mapping), alone }]);
  }
  return {
    map(event) {
      const mappers = byTable.get(`${event.source.schema}.${event.source.table}`);
      if (!mappers) return [];
      if (mappers.length === 1) return mapEvent(mappers[0]!, event);
      return mappers.flatMap((mapper) => mapEvent(mapper, event));
    },
    checkColumns(schema, table, columns) {
      const present = new Set(columns);
      const read = (byTable.get(`${schema}.${table}`) ?? []).flatMap((mapper) => mapper.reads);
      const gone = [...new Set(read)].filter((column) => !present.has(column));
      if (gone.length === 0) return;
      throw new StreamStop(
        'source-changed',
        `the source's table ${schema}.${table} no longer has ${gone.join(', ')}, which the mapping reads`,
        'Put the column back, or change the declaration so that it does without it, and start again.',
      );
    },
  };
}

/** The mapping of one table, compiled. */
export interface TableMapper {
  readonly target: TargetTable;
  /** The source columns that it reads. */
  readonly reads: readonly string[];
  /** The target's values for a row; a value is absent where the row lacks what it is made of. @throws {ValueError} */
  values(row: Row): readonly (Text | undefined)[];
  /** The target's key for a source row or key. @throws {ValueError} */
  key(row: Row): readonly Text[];
}

/** A mapping among those of its direction. */
interface SourceMapper extends TableMapper {
  /** No other one fills its target table. */
  readonly alone: boolean;
}

function tableName({ schema, name }: TableName): string {
  return `${schema}.${name}`;
}

/** Compiles one mapping. */
export function compileTable(mapping: TableMapping): TableMapper {
  const codecs: readonly ColumnMapping[] = [...mapping.key, ...mapping.columns];
  const pairs = mapping.pairs.map((pair) => ({
    pair,
    source: Object.keys(pair.source),
    target: Object.keys(pair.target),
  }));
  const target: TargetTable = {
    ...mapping.target,
    columns: [...codecs.map((column) => column.target), ...pairs.flatMap((pair) => pair.target)],
    keyWidth: mapping.key.length,
  };
  return {
    target,
    reads: [...codecs.map((column) => column.codec.source), ...pairs.flatMap((pair) => pair.source)],
    values(row) {
      const values: (Text | undefined)[] = codecs.map((column) => forward(column, row));
      for (const { pair, source, target } of pairs) forwardPair(pair, source, target, row, values);
      return values;
    },
    key: (row) =>
      mapping.key.map((column) => {
        const value = forward(column, row);
        if (value === undefined) throw new ValueError(`the event does not carry the key column ${column.codec.source}`);
        return value;
      }),
  };
}

function forward({ codec, target }: ColumnMapping, row: Row): Text | undefined {
  const value = row[codec.source];
  if (value === null || value === undefined) return value;
  try {
    return codec.forward(value);
  } catch (error) {
    throw new ValueError(`${codec.source} -> ${target}: ${(error as Error).message}`, { cause: error });
  }
}

function forwardPair(
  pair: Pair,
  source: readonly string[],
  target: readonly string[],
  row: Row,
  values: (Text | undefined)[],
): void {
  const absent = source.filter((column) => row[column] === undefined);
  if (absent.length === source.length) {
    for (const _ of target) values.push(undefined);
    return;
  }
  if (absent.length > 0) {
    throw new ValueError(`pair ${pair.name}: the event does not carry ${absent.join(', ')}, an unchanged large value`);
  }
  let made: Row;
  try {
    made = pair.forward(row);
  } catch (error) {
    throw new ValueError(`pair ${pair.name}: ${(error as Error).message}`, { cause: error });
  }
  for (const column of target) {
    const value = made[column];
    if (value === undefined) throw new ValueError(`pair ${pair.name} gave no value for ${column}`);
    values.push(value);
  }
}

function mapEvent(mapper: SourceMapper, event: ChangeEvent): readonly RowChange[] {
  try {
    return changesOf(mapper, event);
  } catch (error) {
    throw new StreamStop(
      'mapping',
      `${describeEvent(event)}: ${(error as Error).message}`,
      'Mend the mapping (and start again), or the row at its source: a mapping that knows the value carries on from here.',
      error,
    );
  }
}

function changesOf(mapper: SourceMapper, event: ChangeEvent): readonly RowChange[] {
  const table = mapper.target;
  switch (event.op) {
    case 't':
      return [{ kind: 'truncate', table }];
    case 'd':
      // The create that follows moves the row to its new key: deleting it would lose what the event does not carry.
      return event.newKey ? [] : [{ kind: 'delete', table, key: mapper.key(event.before!) }];
    case 'c':
    case 'r':
    case 'u': {
      const values = mapper.values(event.after!);
      if (event.oldKey) return partial(table, mapper.key(event.oldKey), values, 0);
      if (!values.includes(undefined)) {
        return [{ kind: 'put', table, values: values as Text[], fresh: mapper.alone && event.op === 'c' }];
      }
      if (event.op !== 'u') throw new ValueError('the event does not carry every column of a new row');
      return partial(table, values.slice(0, table.keyWidth) as Text[], values, table.keyWidth);
    }
  }
}

/** The columns from `first` on that are not absent. */
function partial(
  table: TargetTable,
  key: readonly Text[],
  all: readonly (Text | undefined)[],
  first: number,
): readonly RowChange[] {
  const columns: number[] = [];
  const values: Text[] = [];
  for (let index = first; index < all.length; index++) {
    const value = all[index];
    if (value === undefined) continue;
    columns.push(index);
    values.push(value);
  }
  return columns.length > 0 ? [{ kind: 'set', table, key, columns, values }] : [];
}
