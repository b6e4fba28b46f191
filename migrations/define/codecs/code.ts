import { type Codec, refuse } from '../codec.ts';
import { literal, refusal } from '../sql.ts';
import type { ColumnDescription } from '../table-description.ts';
import { typeModifier } from '../type-modifier.ts';

/** Codes with their meanings, no meaning twice: a second code for one meaning could not be carried back. */
type Injective<Meanings> = {
  [Code in keyof Meanings]: Meanings[Code] extends Meanings[Exclude<keyof Meanings, Code>] ? never : Meanings[Code];
};

const INTEGERS = ['smallint', 'integer', 'bigint'];
const TEXTS = ['text', 'character varying'];

/**
 * Carries a code, a whole number or a text, as its meaning, a text or an enum:
 * `code('prod_st', { 1: 'active', 2: 'hidden', 9: 'deleted' })`. A code or a meaning that is not listed is refused.
 */
export function code<const Column extends string, const Meanings extends Readonly<Record<string | number, string>>>(
  source: Column,
  meanings: Meanings & Injective<Meanings>,
): Codec<Column> {
  const entries = Object.entries<string>(meanings);
  return translation('code', source, entries, {
    targetTypes: [...TEXTS, 'enum'],
    toTarget: literal,
    lossy: (target) =>
      missingLabels(
        target,
        entries.map(([, meaning]) => meaning),
      ),
  });
}

/** Carries a code that says yes or no as a `boolean`: `flag('actv', { true: 'Y', false: 'N' })`. Other codes are refused. */
export function flag<const Column extends string>(
  source: Column,
  codes: { readonly true: string | number; readonly false: string | number },
): Codec<Column> {
  const entries: [string, string][] = [
    [String(codes.true), 't'],
    [String(codes.false), 'f'],
  ];
  const codec = translation('flag', source, entries, {
    targetTypes: ['boolean'],
    toTarget: (value) => (value === 't' ? 'true' : 'false'),
  });
  const same = String(codes.true) === String(codes.false);
  return { ...codec, faults: same ? [`it says yes and no by the same code, ${codes.true}`] : [] };
}

interface Side {
  readonly targetTypes: readonly string[];
  /** A target value's text form as SQL. */
  readonly toTarget: (value: string) => string;
  readonly lossy?: (target: ColumnDescription) => string | undefined;
}

/** A finite list of source texts, each with its target text. */
function translation<Column extends string>(
  kind: string,
  source: Column,
  entries: readonly (readonly [string, string])[],
  side: Side,
): Codec<Column> {
  const there = new Map(entries);
  const backAgain = new Map(entries.map(([from, to]) => [to, from]));
  const codes = entries.map(([from]) => from);
  const why = `it is not one of ${codes.join(', ')}`;
  const whyBack = `it is not one of ${[...backAgain.keys()].join(', ')}`;
  const branches = (pairs: readonly string[][]) => pairs.map(([when, then]) => `WHEN ${when} THEN ${then}`).join(' ');
  return {
    kind,
    source,
    sourceTypes: [...INTEGERS, ...TEXTS, 'character', 'enum'],
    targetTypes: side.targetTypes,
    faults: repeated(entries),
    lossy: (from, to) => unreachableCodes(from, codes) ?? side.lossy?.(to),
    forward: (value) => there.get(value) ?? refuse(kind, value, why),
    back: (value) => backAgain.get(value) ?? refuse(kind, value, whyBack),
    // An untyped literal takes the column's type, so one expression does for numbers, texts, char(n) and enums.
    forwardSql: (column) =>
      `CASE ${column} ${branches(entries.map(([from, to]) => [literal(from), side.toTarget(to)]))} ` +
      `ELSE ${refusal(column, kind, why, side.targetTypes[0] as string)} END`,
    backSql: (column) =>
      `CASE ${column} ${branches(entries.map(([from, to]) => [side.toTarget(to), literal(from)]))} ` +
      `ELSE ${refusal(column, kind, whyBack, 'text')} END`,
  };
}

function repeated(entries: readonly (readonly [string, string])[]): readonly string[] {
  const faults: string[] = [];
  if (entries.length === 0) faults.push('it lists no code');
  const first = new Map<string, string>();
  for (const [from, to] of entries) {
    const other = first.get(to);
    if (other !== undefined) faults.push(`${other} and ${from} both mean ${to}: the way back would have to guess`);
    first.set(to, other ?? from);
  }
  return faults;
}

/** Codes that a column of this type never holds, or holds in another spelling. */
function unreachableCodes(source: ColumnDescription, codes: readonly string[]): string | undefined {
  if (INTEGERS.includes(source.type)) {
    const odd = codes.filter((each) => !/^(0|-?[1-9]\d*)$/.test(each));
    return odd.length === 0 ? undefined : `${source.fullType} holds no ${odd.join(', ')}`;
  }
  if (source.type === 'character') {
    const [length = 1] = typeModifier(source);
    const odd = codes.filter((each) => [...each].length !== length);
    return odd.length === 0 ? undefined : `${source.fullType} holds ${length} characters, unlike ${quoted(odd)}`;
  }
  const odd = source.enumLabels ? codes.filter((each) => !source.enumLabels?.includes(each)) : [];
  return odd.length === 0 ? undefined : `the enum ${source.type} has no ${odd.join(', ')}`;
}

/** Meanings that the target's enum lacks, and labels of it that no code stands for. */
function missingLabels(target: ColumnDescription, meanings: readonly string[]): string | undefined {
  if (target.enumLabels === undefined) return undefined;
  const labels = target.enumLabels;
  const unknown = meanings.filter((meaning) => !labels.includes(meaning));
  if (unknown.length > 0) return `the enum ${target.type} has no ${unknown.join(', ')}`;
  const uncoded = labels.filter((label) => !meanings.includes(label));
  return uncoded.length === 0 ? undefined : `no code stands for ${uncoded.join(', ')} of the enum ${target.type}`;
}

function quoted(texts: readonly string[]): string {
  return texts.map((each) => `"${each}"`).join(', ');
}
