import type { ColumnDescription } from './table-description.ts';

/** The numbers in a type's parentheses: `numeric(10,2)` gives `[10, 2]`, `text` gives `[]`. */
export function typeModifier(column: ColumnDescription): readonly number[] {
  const inside = /\(([-\d,]+)\)/.exec(column.fullType)?.[1];
  return inside === undefined ? [] : inside.split(',').map(Number);
}
