import { type Codec, refuse } from '../codec.ts';
import { refusal } from '../sql.ts';
import { typeModifier } from '../type-modifier.ts';

/**
 * Carries `char(length)`, which PostgreSQL fills up with spaces, as text without them: `padded('wh_cd', 3)`. Text that
 * is longer, or that ends in a space of its own, has no such column to go back to and is refused.
 */
export function padded<const Column extends string>(source: Column, length: number): Codec<Column> {
  const kind = 'padded';
  const why = `it has to have at most ${length} characters and not end in a space`;
  return {
    kind,
    source,
    sourceTypes: ['character'],
    targetTypes: ['text', 'character varying'],
    faults: Number.isInteger(length) && length > 0 ? [] : [`${length} is no length: give the n of char(n)`],
    lossy(from, to) {
      if (typeModifier(from)[0] !== length) return `${from.fullType} is not character(${length})`;
      const room = typeModifier(to)[0] ?? length;
      return room < length ? `${from.fullType} does not fit into ${to.fullType}` : undefined;
    },
    forward: (value) => value.replace(/ +$/, ''),
    back(value) {
      const missing = length - [...value].length;
      if (missing < 0 || value.endsWith(' ')) refuse(kind, value, why);
      return value + ' '.repeat(missing);
    },
    forwardSql: (column) => `(${column})::text`,
    // A cast to char(n) cuts what is too long, as the SQL standard has it: compare with what came of it.
    backSql: (column) =>
      `CASE WHEN (${column})::character(${length})::text = (${column})::text THEN (${column})::character(${length}) ` +
      `ELSE ${refusal(column, kind, why, `character(${length})`)} END`,
  };
}
