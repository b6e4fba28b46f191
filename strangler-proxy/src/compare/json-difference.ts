import { alignItems } from './align.ts';
import { canonical, equalUnder, type ItemPairs, identical, pairUnordered } from './equality.ts';
import { isWithin, sameValue } from './exact-number.ts';
import { isArray, isNumber, isObject, type Json, type JsonObject, typeName } from './json-value.ts';
import { pairMembers } from './members.ts';
import { asRead, readingRules } from './reading.ts';
import { type Recorder, recordJson } from './recorder.ts';
import { below, type RuleNode, type Side } from './rules.ts';

type Path = (string | number)[];

/** Records every place in which two JSON values differ: those that count, and those that a rule excuses. */
export function findJsonDifferences(
  control: Json,
  candidate: Json,
  rules: RuleNode | undefined,
  recorder: Recorder,
): void {
  compareValues(control, candidate, rules, [], recorder);
}

function compareValues(left: Json, right: Json, rules: RuleNode | undefined, path: Path, to: Recorder): void {
  if (identical(left, right)) {
    return;
  }
  const control = asRead(left, rules, 'control');
  const candidate = asRead(right, rules, 'candidate');
  if (rules?.ignore !== undefined) {
    recordJson(to, path, kindOf(left, right), { control: left, candidate: right }, rules.ignore);
  } else if (rules !== undefined && (control !== left || candidate !== right) && identical(control, candidate)) {
    for (const use of readingRules(rules)) {
      use.count++;
    }
  } else if (isArray(control) && isArray(candidate)) {
    if (rules?.unordered === undefined) {
      compareArrays(control, candidate, rules, path, to);
    } else {
      const paired = pairUnordered(control, candidate, rules);
      if (paired.pairs.some(([place, other]) => place !== other)) {
        rules.unordered.use.count++;
      }
      compareItems(paired, control, candidate, rules, path, to);
    }
  } else if (control !== null && candidate !== null && isObject(control) && isObject(candidate)) {
    compareObjects(control, candidate, rules, path, to);
  } else if (
    rules?.tolerance !== undefined &&
    isNumber(control) &&
    isNumber(candidate) &&
    isWithin(control, candidate, rules.tolerance.within)
  ) {
    rules.tolerance.use.count++;
  } else {
    recordJson(to, path, kindOf(left, right), { control: left, candidate: right });
  }
}

function kindOf(control: Json, candidate: Json): 'type' | 'value' {
  if (isNumber(control) && isNumber(candidate)) {
    // The same value as an integer here and as a decimal there: 1 and 1.0, 100 and 1e2.
    return sameValue(control, candidate) ? 'type' : 'value';
  }
  return typeName(control) === typeName(candidate) ? 'value' : 'type';
}

function compareObjects(
  control: JsonObject,
  candidate: JsonObject,
  rules: RuleNode | undefined,
  path: Path,
  to: Recorder,
): void {
  for (const { key, control: left, candidate: right } of pairMembers(control, candidate)) {
    const rule = below(rules, key);
    path.push(key);
    if (left !== undefined && right !== undefined) {
      compareValues(left, right, rule, path, to);
    } else if (left !== undefined) {
      recordJson(to, path, 'missing', { control: left }, rule?.ignore);
    } else if (right !== undefined) {
      recordJson(to, path, 'extra', { candidate: right }, rule?.ignore);
    }
    path.pop();
  }
}

function compareArrays(
  control: readonly Json[],
  candidate: readonly Json[],
  rules: RuleNode | undefined,
  path: Path,
  to: Recorder,
): void {
  if (control.length === candidate.length && isReordered(control, candidate, rules)) {
    recordJson(to, path, 'order', { control, candidate });
    return;
  }
  compareItems(alignItems(control, candidate, rules), control, candidate, rules, path, to);
}

function compareItems(
  { pairs, missing, extra }: ItemPairs,
  control: readonly Json[],
  candidate: readonly Json[],
  rules: RuleNode | undefined,
  path: Path,
  to: Recorder,
): void {
  if (control.length !== candidate.length) {
    // Where every item may be missing or extra, the number of them may differ as well.
    const lengths = { control: control.length, candidate: candidate.length };
    recordJson(to, path, 'length', lengths, rules?.any?.ignore);
  }
  for (const [left, right] of pairs) {
    path.push(left);
    compareValues(control[left]!, candidate[right]!, below(rules, left), path, to);
    path.pop();
  }
  for (const [places, kind] of [
    [missing, 'missing'],
    [extra, 'extra'],
  ] as const) {
    for (const place of places) {
      path.push(place);
      const value = kind === 'missing' ? { control: control[place]! } : { candidate: candidate[place]! };
      recordJson(to, path, kind, value, below(rules, place)?.ignore);
      path.pop();
    }
  }
}

function isReordered(control: readonly Json[], candidate: readonly Json[], rules: RuleNode | undefined): boolean {
  const differing = [...control.keys()].filter(
    (index) => !equalUnder(control[index]!, candidate[index]!, below(rules, index)),
  );
  if (differing.length < 2) {
    return false;
  }
  const texts = (items: readonly Json[], side: Side) =>
    differing.map((index) => canonical(items[index]!, below(rules, index), side)).sort();
  const left = texts(control, 'control');
  const right = texts(candidate, 'candidate');
  return left.every((text, index) => text === right[index]);
}
