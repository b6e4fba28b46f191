import type { CompareRule } from './compare-rule.ts';
import type { Fault } from './fault.ts';

/** RFC 6901 section 3: a tilde is followed by 0 or 1. */
const POINTER = /^(\/([^~/]|~[01])*)*$/;
/** RFC 9110 section 5.1, lower-cased. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** The comparison rules of one route. */
export function checkCompareRules(where: string, rules: readonly CompareRule[]): Fault[] {
  return rules.flatMap((rule, place) => checkRule(`${where}[${place}] ${rule.kind}`, rule));
}

function checkRule(where: string, rule: CompareRule): readonly Fault[] {
  const faults: Fault[] = [];
  if (rule.reason.trim() === '') {
    const mend = 'Say why the difference does not count: whoever reads a report has to trust it';
    faults.push({ where, problem: 'it has no reason', mend });
  }
  if (rule.kind === 'ignore-header') {
    if (!FIELD_NAME.test(rule.header)) {
      faults.push({
        where,
        problem: `"${rule.header}" is no name of a header`,
        mend: 'Give the name alone: x-request-id',
      });
    }
    return faults;
  }
  if (!POINTER.test(rule.path)) {
    const mend =
      'Write a JSON Pointer: "" for the whole body, "/products/*/price" for a member of each item; ~0 is ~, ~1 is /';
    faults.push({ where, problem: `"${rule.path}" is no JSON path`, mend });
  }
  if (rule.kind === 'tolerance' && !(Number.isFinite(rule.within) && rule.within >= 0)) {
    faults.push({ where, problem: `${rule.within} is no distance`, mend: 'Give a number from 0 up: 0.01' });
  }
  return faults;
}
