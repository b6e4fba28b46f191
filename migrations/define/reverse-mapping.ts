import type { Codec } from './codec.ts';
import type { Pair } from './pair.ts';
import type { ColumnMapping, TableMapping } from './table.ts';

/** The same mapping the other way: its source is the service's table, and `forward` of each part is what `back` was. */
export function reverseMapping(mapping: TableMapping): TableMapping {
  return {
    source: mapping.target,
    target: mapping.source,
    key: mapping.key.map(reverseColumn),
    columns: mapping.columns.map(reverseColumn),
    pairs: mapping.pairs.map(reversePair),
    unmapped: { source: mapping.unmapped.target, target: mapping.unmapped.source },
  };
}

function reverseColumn({ target, codec }: ColumnMapping): ColumnMapping {
  return { target: codec.source, codec: reverseCodec(codec, target) };
}

function reverseCodec(codec: Codec, target: string): Codec {
  return {
    kind: codec.kind,
    source: target,
    sourceTypes: codec.targetTypes,
    targetTypes: codec.sourceTypes,
    forward: (value) => codec.back(value),
    back: (value) => codec.forward(value),
    forwardSql: (column) => codec.backSql(column),
    backSql: (column) => codec.forwardSql(column),
  };
}

function reversePair(pair: Pair): Pair {
  return {
    name: pair.name,
    source: pair.target,
    target: pair.source,
    forward: (row) => pair.back(row),
    back: (row) => pair.forward(row),
  };
}
