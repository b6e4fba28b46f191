import { type Codec, refuse } from '../codec.ts';
import { literal, refusal } from '../sql.ts';
import { formatTextArray, parseTextArray } from '../text-array.ts';

/**
 * Carries a text of parts as a `text[]`: `list('cat_path', '/')` makes `home/kitchen` to `{home,kitchen}`. Every text
 * has its array: the empty text is the empty array, and `a//b` has an empty part. Arrays that no text gives are refused
 * on the way back: with NULLs, with a part that holds the separator, with an empty part as the only one, of several
 * dimensions, or with bounds that do not begin at 1.
 */
export function list<const Column extends string>(source: Column, separator: string): Codec<Column> {
  const kind = 'list';
  const why = `no text whose parts are separated by "${separator}" gives this array`;
  const split = (value: string) => (value === '' ? [] : value.split(separator));
  const quoted = literal(separator);
  return {
    kind,
    source,
    sourceTypes: ['text', 'character varying'],
    targetTypes: ['text[]'],
    // Of two characters, the second of one separator could be taken for the first of the next.
    faults: [...separator].length === 1 ? [] : [`the separator "${separator}" has to be one character`],
    forward: (value) => formatTextArray(split(value)),
    back(value) {
      const parts = parseTextArray(value);
      if (parts === undefined) return refuse(kind, value, why);
      const joined = parts.join(separator);
      const again = split(joined);
      const same = again.length === parts.length && again.every((part, place) => part === parts[place]);
      return same ? joined : refuse(kind, value, why);
    },
    forwardSql: (column) => `string_to_array(${column}, ${quoted})`,
    // array_to_string leaves NULLs out and knows no dimensions, so only splitting again shows what it dropped.
    backSql: (column) =>
      `CASE WHEN string_to_array(array_to_string(${column}, ${quoted}), ${quoted}) = ${column} ` +
      `THEN array_to_string(${column}, ${quoted}) ELSE ${refusal(column, kind, why, 'text')} END`,
  };
}
