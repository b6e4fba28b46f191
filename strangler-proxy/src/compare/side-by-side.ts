import type { CompareRule } from 'strangler-migrations/define';
import { alignItems } from './align.ts';
import type { Answer } from './answer.ts';
import { decodeBody, saysHtml, saysJson, textOf } from './body.ts';
import { defaultLimits } from './comparison.ts';
import { equalUnder, identical, pairUnordered } from './equality.ts';
import { numberText } from './exact-number.ts';
import { readHtml } from './html.ts';
import { isArray, isNumber, isObject, type Json, parseJson } from './json-value.ts';
import { pairMembers } from './members.ts';
import { readingRules } from './reading.ts';
import type { Redaction } from './redact.ts';
import { escapeInvisible, quote, redacted, shorten } from './render.ts';
import { below, type CompiledRules, compileRules, type RuleNode } from './rules.ts';

/** One line of both bodies, the control's to the left. */
export interface SideBySideRow {
  readonly kind: 'same' | 'changed' | 'missing' | 'extra' | 'ignored';
  /** Absent if the line is only on the other side. */
  readonly control?: string;
  /** Absent if it is only on the other side, or if it is the control's (`same`). */
  readonly candidate?: string;
  /** Why the difference does not count (`ignored`). */
  readonly reason?: string;
}

/** Two bodies beside each other, as lines that belong together. */
export interface SideBySide {
  readonly rows: readonly SideBySideRow[];
  /** Rows beyond the bound. */
  readonly more: number;
}

/** Bounds of a side-by-side view. */
export interface SideBySideLimits {
  readonly rows: number;
  /** Length of a line, in characters. */
  readonly line: number;
}

const defaultBounds: SideBySideLimits = { rows: 1_000, line: 400 };

/** Lays two bodies beside each other by their structure, so that what belongs together stands in one line. */
export function sideBySide(
  control: Answer,
  candidate: Answer,
  rules: CompiledRules | readonly CompareRule[],
  redaction?: Redaction,
  limits: SideBySideLimits = defaultBounds,
): SideBySide {
  const compiled = 'headers' in rules ? rules : compileRules(rules);
  const asPage = compiled.html !== undefined && saysHtml(control) && saysHtml(candidate);
  const [left, right] = [linesOf(control, asPage), linesOf(candidate, asPage)];
  const page = createPage(limits, redaction);
  if (left.json !== undefined && right.json !== undefined) {
    layJson(page, '', left.json, right.json, compiled.body, 0);
  } else {
    layLines(page, left.text, right.text);
  }
  return { rows: page.rows, more: page.more };
}

interface Page {
  readonly rows: SideBySideRow[];
  more: number;
  readonly redaction: Redaction | undefined;
  put(row: SideBySideRow): void;
  isFull(): boolean;
}

function createPage(limits: SideBySideLimits, redaction: Redaction | undefined): Page {
  const rows: SideBySideRow[] = [];
  const page: Page = {
    rows,
    more: 0,
    redaction,
    isFull: () => rows.length >= limits.rows,
    put(row) {
      if (page.isFull()) {
        page.more++;
        return;
      }
      rows.push({
        ...row,
        ...(row.control === undefined ? {} : { control: shorten(row.control, limits.line) }),
        ...(row.candidate === undefined ? {} : { candidate: shorten(row.candidate, limits.line) }),
      });
    },
  };
  return page;
}

function linesOf(answer: Answer, asPage: boolean): { readonly json?: Json; readonly text: string } {
  const decoded = decodeBody(answer, defaultLimits.decodedBytes);
  if ('fault' in decoded) {
    return { text: `(the body ${decoded.fault})` };
  }
  const text = textOf(decoded.bytes);
  if (text === undefined) {
    return { text: `(${decoded.bytes.length} bytes that are not text)` };
  }
  const json = asPage ? readHtml(text) : saysJson(answer) ? parseJson(text) : undefined;
  return json === undefined ? { text } : { json, text };
}

function layJson(
  page: Page,
  label: string,
  control: Json,
  candidate: Json,
  rules: RuleNode | undefined,
  depth: number,
): void {
  if (identical(control, candidate)) {
    for (const line of dump(page, label, control, depth)) {
      page.put({ kind: 'same', control: line });
    }
  } else if (rules?.ignore !== undefined) {
    layBlocks(page, dump(page, label, control, depth), dump(page, label, candidate, depth), rules.ignore.rule.reason);
  } else if (isArray(control) && isArray(candidate)) {
    const pairing = rules?.unordered === undefined ? alignItems : pairUnordered;
    const { pairs, missing, extra } = pairing(control, candidate, rules ?? noRules);
    page.put({ kind: 'same', control: `${indent(depth)}${label}[` });
    for (const [left, right] of pairs) {
      layJson(page, '', control[left]!, candidate[right]!, below(rules, left), depth + 1);
    }
    for (const place of missing) {
      layAlone(page, 'missing', '', control[place]!, below(rules, place), depth + 1);
    }
    for (const place of extra) {
      layAlone(page, 'extra', '', candidate[place]!, below(rules, place), depth + 1);
    }
    page.put({ kind: 'same', control: `${indent(depth)}]` });
  } else if (control !== null && candidate !== null && isObject(control) && isObject(candidate)) {
    page.put({ kind: 'same', control: `${indent(depth)}${label}{` });
    for (const { key, control: left, candidate: right } of pairMembers(control, candidate)) {
      const rule = below(rules, key);
      const name = `${quote(key)}: `;
      if (page.redaction?.isSecret(key)) {
        const line = `${indent(depth + 1)}${name}${redacted}`;
        const same = left !== undefined && right !== undefined && identical(left, right);
        page.put(same ? { kind: 'same', control: line } : { kind: 'changed', control: line, candidate: line });
      } else if (left !== undefined && right !== undefined) {
        layJson(page, name, left, right, rule, depth + 1);
      } else if (left !== undefined) {
        layAlone(page, 'missing', name, left, rule, depth + 1);
      } else if (right !== undefined) {
        layAlone(page, 'extra', name, right, rule, depth + 1);
      }
    }
    page.put({ kind: 'same', control: `${indent(depth)}}` });
  } else {
    const reason = equalUnder(control, candidate, rules) ? excuseOf(control, candidate, rules) : undefined;
    layBlocks(page, dump(page, label, control, depth), dump(page, label, candidate, depth), reason);
  }
}

const noRules: RuleNode = { members: new Map() };

/** Why two values that are not the same count as equal. */
function excuseOf(control: Json, candidate: Json, rules: RuleNode | undefined): string {
  const tolerated = rules?.tolerance !== undefined && isNumber(control) && isNumber(candidate);
  const use = tolerated ? rules.tolerance?.use : rules && readingRules(rules)[0];
  return use?.rule.reason ?? 'equal under the rules';
}

function layAlone(
  page: Page,
  kind: 'missing' | 'extra',
  label: string,
  value: Json,
  rules: RuleNode | undefined,
  depth: number,
): void {
  for (const line of dump(page, label, value, depth)) {
    const side = kind === 'missing' ? { control: line } : { candidate: line };
    page.put(
      rules?.ignore === undefined ? { kind, ...side } : { kind: 'ignored', ...side, reason: rules.ignore.rule.reason },
    );
  }
}

/** Lines that were replaced by others: beside each other, as far as the shorter block goes. */
function layBlocks(page: Page, control: Iterable<string>, candidate: Iterable<string>, reason?: string): void {
  const [left, right] = [[...control], [...candidate]];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const sides = {
      ...(left[index] === undefined ? {} : { control: left[index]! }),
      ...(right[index] === undefined ? {} : { candidate: right[index]! }),
    };
    page.put(reason === undefined ? { kind: 'changed', ...sides } : { kind: 'ignored', ...sides, reason });
  }
}

function* dump(page: Page, label: string, value: Json, depth: number): Generator<string> {
  const lead = indent(depth) + label;
  if (page.isFull()) {
    // What comes now is counted as one line each, and never shown.
    yield lead;
  } else if (value !== null && typeof value === 'object' && (isArray(value) || isObject(value))) {
    const items = isArray(value) ? value : value.values;
    const [open, close] = isArray(value) ? '[]' : '{}';
    if (items.length === 0) {
      yield `${lead}${open}${close}`;
      return;
    }
    yield `${lead}${open}`;
    for (const [index, item] of items.entries()) {
      const key = isArray(value) ? undefined : value.keys[index]!;
      const name = key === undefined ? '' : `${quote(key)}: `;
      if (key !== undefined && page.redaction?.isSecret(key)) {
        yield `${indent(depth + 1)}${name}${redacted}`;
      } else {
        yield* dump(page, name, item, depth + 1);
      }
    }
    yield `${indent(depth)}${close}`;
  } else if (typeof value === 'string') {
    yield `${lead}${quote(page.redaction === undefined ? value : page.redaction.text(value))}`;
  } else {
    yield `${lead}${isNumber(value) ? numberText(value) : String(value)}`;
  }
}

function indent(depth: number): string {
  return '  '.repeat(Math.min(depth, 40));
}

/** Texts by lines: what is equal at the start and at the end is kept together, what is between stands beside itself. */
function layLines(page: Page, control: string, candidate: string): void {
  const [left, right] = [cleanLines(control, page), cleanLines(candidate, page)];
  const shorter = Math.min(left.length, right.length);
  let head = 0;
  while (head < shorter && left[head] === right[head]) {
    head++;
  }
  let tail = 0;
  while (tail < shorter - head && left.at(-1 - tail) === right.at(-1 - tail)) {
    tail++;
  }
  for (const line of left.slice(0, head)) {
    page.put({ kind: 'same', control: line });
  }
  for (let index = head; index < Math.max(left.length, right.length) - tail; index++) {
    const line = index < left.length - tail ? left[index] : undefined;
    const other = index < right.length - tail ? right[index] : undefined;
    if (line !== undefined && line === other) {
      page.put({ kind: 'same', control: line });
    } else {
      layBlocks(page, line === undefined ? [] : [line], other === undefined ? [] : [other]);
    }
  }
  for (const line of tail === 0 ? [] : left.slice(-tail)) {
    page.put({ kind: 'same', control: line });
  }
}

function cleanLines(text: string, page: Page): readonly string[] {
  const clean = page.redaction === undefined ? text : page.redaction.text(text);
  return clean.split(/\r?\n/).map((line) => escapeInvisible(line.replaceAll('\t', '  ')));
}
