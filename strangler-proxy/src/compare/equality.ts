import { canonicalNumber, isInteger, isWithin, numberText, sameValue } from './exact-number.ts';
import { type ExactNumber, isArray, isNumber, isObject, type Json, type JsonObject } from './json-value.ts';
import { pairMembers } from './members.ts';
import { asRead } from './reading.ts';
import { below, type RuleNode, type Side } from './rules.ts';

/** Whether two values are equal without any rule. The order of an object's members says nothing (RFC 8259 section 4). */
export function identical(control: Json, candidate: Json): boolean {
  if (control === candidate) {
    return true;
  }
  if (typeof control !== 'object' || typeof candidate !== 'object' || control === null || candidate === null) {
    return isNumber(control) && isNumber(candidate) && sameNumber(control, candidate);
  }
  if (isArray(control)) {
    return (
      isArray(candidate) &&
      control.length === candidate.length &&
      control.every((item, index) => identical(item, candidate[index]!))
    );
  }
  if (control.kind === 'number') {
    return isNumber(candidate) && sameNumber(control, candidate);
  }
  if (!isObject(candidate) || control.keys.length !== candidate.keys.length) {
    return false;
  }
  if (control.keys.every((key, index) => key === candidate.keys[index])) {
    return control.values.every((value, index) => identical(value, candidate.values[index]!));
  }
  return identicalShuffled(control, candidate) ?? identicalPaired(control, candidate);
}

/** Two small objects whose members stand in another order; undefined if they are not small, or a name occurs twice. */
function identicalShuffled(control: JsonObject, candidate: JsonObject): boolean | undefined {
  // One bit for each member that has found its partner.
  let taken = 0;
  if (control.keys.length > 31) {
    return undefined;
  }
  for (let index = 0; index < control.keys.length; index++) {
    const place = candidate.keys.indexOf(control.keys[index]!);
    if (place < 0) {
      return false;
    }
    if ((taken & (1 << place)) !== 0) {
      return undefined;
    }
    taken |= 1 << place;
    if (!identical(control.values[index]!, candidate.values[place]!)) {
      // Only if no name occurs twice is this the member that belongs here.
      return new Set(control.keys).size === control.keys.length ? false : undefined;
    }
  }
  return true;
}

function identicalPaired(control: JsonObject, candidate: JsonObject): boolean {
  return pairMembers(control, candidate).every(
    (pair) => pair.control !== undefined && pair.candidate !== undefined && identical(pair.control, pair.candidate),
  );
}

/** Equal in value and written as the same kind of number: 19.90 and 19.9 are, 1 and 1.0 are not. */
function sameNumber(control: number | ExactNumber, candidate: number | ExactNumber): boolean {
  // Nearly all numbers that are equal are written alike.
  return (
    numberText(control) === numberText(candidate) ||
    (isInteger(control) === isInteger(candidate) && sameValue(control, candidate))
  );
}

/** Whether two values are equal under the rules of their place. What is equal as it stands is so under every rule. */
export function equalUnder(left: Json, right: Json, rules: RuleNode | undefined): boolean {
  if (rules === undefined) {
    return identical(left, right);
  }
  if (rules.ignore !== undefined) {
    return true;
  }
  const control = asRead(left, rules, 'control');
  const candidate = asRead(right, rules, 'candidate');
  if (isNumber(control) && isNumber(candidate)) {
    return rules.tolerance === undefined
      ? sameNumber(control, candidate)
      : isWithin(control, candidate, rules.tolerance.within);
  }
  if (isArray(control) && isArray(candidate)) {
    if (control.length !== candidate.length) {
      return false;
    }
    if (rules.unordered !== undefined) {
      const { pairs } = pairUnordered(control, candidate, rules);
      return (
        pairs.length === control.length &&
        pairs.every(([left, right]) => equalUnder(control[left]!, candidate[right]!, below(rules, left)))
      );
    }
    return control.every((item, index) => equalUnder(item, candidate[index]!, below(rules, index)));
  }
  if (control !== null && candidate !== null && isObject(control) && isObject(candidate)) {
    return pairMembers(control, candidate).every(({ key, control: left, candidate: right }) => {
      const rule = below(rules, key);
      return rule?.ignore !== undefined || (left !== undefined && right !== undefined && equalUnder(left, right, rule));
    });
  }
  return identical(control, candidate) || identical(left, right);
}

/** One text for all values of one side that are equal under the rules (with a tolerance: for all that may be). */
export function canonical(written: Json, rules: RuleNode | undefined, side: Side): string {
  if (rules?.ignore !== undefined) {
    return '_';
  }
  const value = asRead(written, rules, side);
  if (isNumber(value)) {
    return rules?.tolerance === undefined ? `${isInteger(value) ? 'i' : 'd'}${canonicalNumber(value)}` : '~';
  }
  if (value === null || typeof value !== 'object') {
    return JSON.stringify(value);
  }
  if (isArray(value)) {
    const items = value.map((item, index) => canonical(item, below(rules, index), side));
    return `[${(rules?.unordered === undefined ? items : items.sort()).join()}]`;
  }
  const { keys, values } = value as JsonObject;
  const members = keys
    .map((key, index) => ({ key, rule: below(rules, key), value: values[index]! }))
    .filter(({ rule }) => rule?.ignore === undefined)
    .map(({ key, rule, value: member }) => `${JSON.stringify(key)}:${canonical(member, rule, side)}`);
  return `{${members.sort().join()}}`;
}

/** Items that look alike through a tolerance, of which a partner is sought: the search must not become quadratic. */
const bucketSearchMax = 100;

/** How the items of two arrays belong together, by index; what found no partner is left over. */
export interface ItemPairs {
  readonly pairs: readonly (readonly [control: number, candidate: number])[];
  readonly missing: readonly number[];
  readonly extra: readonly number[];
}

/**
 * Pairs the items of an array that is a set: by the member that the rule names, else by equality under the rules of
 * the items. What equality leaves over on both sides is paired in its order, so that one changed field of one item is
 * told as that field, and not as one item gone and another come.
 *
 * Items that are equal only within a tolerance are paired greedily, first come first served; where that is too simple,
 * the rule should name a member.
 */
export function pairUnordered(control: readonly Json[], candidate: readonly Json[], rules: RuleNode): ItemPairs {
  const by = rules.unordered?.by;
  const keyOf = (item: Json, index: number, side: Side) =>
    by === undefined
      ? canonical(item, below(rules, index), side)
      : canonical(memberOf(item, by) ?? null, below(below(rules, index), by), side);
  const waiting = new Map<string, number[]>();
  candidate.forEach((item, index) => {
    const key = keyOf(item, index, 'candidate');
    const bucket = waiting.get(key);
    if (bucket === undefined) {
      waiting.set(key, [index]);
    } else {
      bucket.push(index);
    }
  });
  const pairs: [number, number][] = [];
  const missing: number[] = [];
  control.forEach((item, index) => {
    const bucket = waiting.get(keyOf(item, index, 'control')) ?? [];
    const place =
      by === undefined
        ? bucket
            .slice(0, bucketSearchMax)
            .findIndex((other) => equalUnder(item, candidate[other]!, below(rules, index)))
        : bucket.length > 0
          ? 0
          : -1;
    const [partner] = bucket.splice(place, place < 0 ? 0 : 1);
    if (partner === undefined) {
      missing.push(index);
    } else {
      pairs.push([index, partner]);
    }
  });
  const extra = [...waiting.values()].flat().sort((left, right) => left - right);
  if (by === undefined) {
    while (missing.length > 0 && extra.length > 0) {
      pairs.push([missing.shift()!, extra.shift()!]);
    }
  }
  return { pairs: pairs.sort(([left], [right]) => left - right), missing, extra };
}

function memberOf(item: Json, name: string): Json | undefined {
  if (item === null || !isObject(item)) {
    return undefined;
  }
  const index = item.keys.indexOf(name);
  return index < 0 ? undefined : item.values[index];
}
