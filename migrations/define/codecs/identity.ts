import type { Codec } from '../codec.ts';
import type { ColumnDescription } from '../table-description.ts';
import { typeModifier } from '../type-modifier.ts';

type Lossy = NonNullable<Codec['lossy']>;

/**
 * Carries a column of `type` as it is, to a column of the same type: `column('trk_id', 'uuid')`. The type is named as
 * PostgreSQL's `format_type` names it, without a modifier: `timestamp with time zone`, not `timestamptz`.
 */
export function column<const Column extends string>(source: Column, type: string): Codec<Column> {
  return same('column', source, [type], (from, to) => {
    if (from.fullType !== to.fullType) return `${from.fullType} is not ${to.fullType}`;
    return differingLabels(from, to);
  });
}

/** Carries text: `text` and `varchar(n)`, as long as the target has the room. (For `char(n)` see {@link padded}.) */
export function text<const Column extends string>(source: Column): Codec<Column> {
  return same('text', source, ['text', 'character varying'], (from, to) => {
    const [room] = typeModifier(to);
    const [length] = typeModifier(from);
    if (room === undefined || (length !== undefined && length <= room)) return undefined;
    return `${from.fullType} can be longer than ${to.fullType}`;
  });
}

const WIDTHS: Readonly<Record<string, number>> = { smallint: 2, integer: 4, bigint: 8 };

/** Carries a whole number: `smallint`, `integer`, `bigint`, to the same or a wider one. */
export function integer<const Column extends string>(source: Column): Codec<Column> {
  return same('integer', source, Object.keys(WIDTHS), (from, to) =>
    (WIDTHS[to.type] ?? 0) < (WIDTHS[from.type] ?? 0) ? `${from.type} does not fit into ${to.type}` : undefined,
  );
}

/**
 * Carries a `numeric`, NaN and Infinity included. Both columns have the same scale, or none: with another scale one of
 * the two databases would round without a word.
 */
export function numeric<const Column extends string>(source: Column): Codec<Column> {
  return same('numeric', source, ['numeric'], (from, to) => {
    const [fromPrecision, fromScale] = typeModifier(from);
    const [toPrecision, toScale] = typeModifier(to);
    if (fromScale !== toScale) return `${from.fullType} and ${to.fullType} round differently: give both the same scale`;
    if (fromPrecision === undefined || toPrecision === undefined || fromPrecision <= toPrecision) return undefined;
    return `${from.fullType} does not fit into ${to.fullType}`;
  });
}

/** Carries a `boolean`. For booleans of another age see {@link flag}. */
export function boolean<const Column extends string>(source: Column): Codec<Column> {
  return same('boolean', source, ['boolean']);
}

/** Carries `jsonb`, or `json` byte for byte. From one to the other is lossy: order, repeated keys, spaces. */
export function json<const Column extends string>(source: Column): Codec<Column> {
  return same('json', source, ['jsonb', 'json'], (from, to) =>
    from.type === to.type ? undefined : `${from.type} and ${to.type} keep different things of a document`,
  );
}

/** Every value stays what it is, in text and in SQL. */
function same<Column extends string>(
  kind: string,
  source: Column,
  types: readonly string[],
  lossy?: Lossy,
): Codec<Column> {
  return {
    kind,
    source,
    sourceTypes: types,
    targetTypes: types,
    ...(lossy && { lossy }),
    forward: (value) => value,
    back: (value) => value,
    forwardSql: (expression) => expression,
    backSql: (expression) => expression,
  };
}

function differingLabels(from: ColumnDescription, to: ColumnDescription): string | undefined {
  const [left, right] = [from.enumLabels ?? [], to.enumLabels ?? []];
  const differing = [...left, ...right].filter((label) => !left.includes(label) || !right.includes(label));
  return differing.length === 0 ? undefined : `only one side's enum has ${differing.join(', ')}`;
}
