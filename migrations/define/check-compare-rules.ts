import type { CompareRule } from './compare-rule.ts';
import type { Fault } from './fault.ts';

/** RFC 6901 section 3: a tilde is followed by 0 or 1. */
const POINTER = /^(\/([^~/]|~[01])*)*$/;
/** RFC 9110 section 5.1, lower-cased. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

const FORMATS: readonly string[] = ['timestamp', 'case', 'space'];
const SIDES: readonly string[] = ['control', 'candidate'];

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
  if (rule.owner?.trim() === '') {
    faults.push({ where, problem: 'its owner is empty', mend: 'Name a person or a team, or leave the owner out' });
  }
  if (rule.until !== undefined && !isDay(rule.until)) {
    const mend = 'Give the last day on which the rule holds, in UTC: 2027-01-31';
    faults.push({ where, problem: `"${rule.until}" is no day`, mend });
  }
  if (rule.kind === 'html') return faults;
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
  if (rule.kind === 'format' && !FORMATS.includes(rule.format)) {
    faults.push({ where, problem: `"${rule.format}" is no format`, mend: `Use one of ${FORMATS.join(', ')}` });
  }
  if (rule.kind === 'map' && !SIDES.includes(rule.side)) {
    faults.push({ where, problem: `"${rule.side}" is no side`, mend: `Use one of ${SIDES.join(', ')}` });
  }
  return faults;
}

/** A day that exists, as ISO 8601 writes it. */
function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
}
