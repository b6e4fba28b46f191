import { type Codec, refusal, refuse } from 'strangler-migrations/define';

/** Carries a weight, written with its unit (`350 g`), as a whole number of grams. */
export function grams<const Column extends string>(source: Column): Codec<Column> {
  const kind = 'grams';
  const why = 'it has to be a whole number of grams up to 999999999, like "350 g"';
  return {
    kind,
    source,
    sourceTypes: ['text', 'character varying'],
    targetTypes: ['integer', 'bigint'],
    // Only as the monolith itself writes it: "0350 g" would come back as "350 g".
    forward: (value) => /^(0|[1-9]\d{0,8}) g$/.exec(value)?.[1] ?? refuse(kind, value, why),
    back: (value) => (/^\d{1,9}$/.test(value) ? `${value} g` : refuse(kind, value, why)),
    forwardSql: (column) =>
      `CASE WHEN ${column} ~ '^(0|[1-9][0-9]{0,8}) g$' THEN rtrim(${column}, ' g')::integer ` +
      `ELSE ${refusal(column, kind, why, 'integer')} END`,
    backSql: (column) =>
      `CASE WHEN ${column} BETWEEN 0 AND 999999999 THEN ${column} || ' g' ` +
      `ELSE ${refusal(column, kind, why, 'text')} END`,
  };
}
