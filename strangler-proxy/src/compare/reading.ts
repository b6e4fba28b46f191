import type { JsonScalar, TextFormat } from 'strangler-migrations/define';
import { numberText } from './exact-number.ts';
import { isArray, isNumber, isObject, type Json } from './json-value.ts';
import type { RuleNode, RuleUse, Side } from './rules.ts';

/** A value of one side as the rules of its place read it: mapped, then in one spelling. */
export function asRead(value: Json, rules: RuleNode | undefined, side: Side): Json {
  if (rules === undefined || (rules.maps === undefined && rules.formats === undefined)) {
    return value;
  }
  let read = value;
  for (const map of rules.maps ?? []) {
    if (map.side === side) {
      read = mapped(read, map.to);
    }
  }
  if (typeof read !== 'string') {
    return read;
  }
  return (rules.formats ?? []).reduce((text, { format }) => spellings[format](text), read);
}

/** The rules that made two values of one place read alike: those that are in force there. */
export function readingRules(rules: RuleNode): readonly RuleUse[] {
  return [...(rules.maps ?? []), ...(rules.formats ?? [])].map(({ use }) => use);
}

function mapped(value: Json, to: NonNullable<RuleNode['maps']>[number]['to']): Json {
  if (value !== null && !isNumber(value) && (isArray(value) || isObject(value))) {
    return value;
  }
  const scalar = isNumber(value) && typeof value !== 'number' ? scalarOf(value.text) : value;
  if (typeof to === 'function') {
    return jsonOf(to(scalar));
  }
  const key = isNumber(value) ? numberText(value) : String(value);
  return Object.hasOwn(to, key) ? jsonOf(to[key]!) : value;
}

/** A number if JavaScript holds it exactly, else its text. */
function scalarOf(text: string): JsonScalar {
  return String(Number(text)) === text ? Number(text) : text;
}

function jsonOf(scalar: JsonScalar): Json {
  return typeof scalar === 'number' && !(Number.isInteger(scalar) && Math.abs(scalar) < 1e15)
    ? { kind: 'number', text: String(scalar) }
    : scalar;
}

const spellings: Readonly<Record<TextFormat, (text: string) => string>> = {
  timestamp: momentOf,
  case: (text) => text.toLowerCase(),
  space: (text) => text.replace(/\s+/g, ' ').trim(),
};

/** RFC 3339 section 5.6; its note allows a space for the T. A text without an offset names no moment and stays as it is. */
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?\s?(Z|z|[+-]\d{2}:\d{2})$/;

/** One text for one moment, to the last digit that was written: a fraction's trailing zeros say nothing. */
function momentOf(text: string): string {
  const [, day = '', time, fraction = '', offset = ''] = TIMESTAMP.exec(text) ?? [];
  const moment = Date.parse(`${day}T${time}${offset.toUpperCase()}`);
  return Number.isNaN(moment) || !isDay(day) ? text : `${moment / 1000}.${fraction.replace(/0+$/, '')}`;
}

/** JavaScript reads the 30th of February as the 2nd of March. */
function isDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}
