import type { CompareRule } from 'strangler-migrations/define';
import type { Answer } from './answer.ts';
import { contentCodings, decodeBody, saysHtml, saysJson, textOf } from './body.ts';
import { type CompareLimits, type Comparison, defaultLimits } from './comparison.ts';
import { identical } from './equality.ts';
import { findHeaderDifferences } from './headers.ts';
import { readHtml } from './html.ts';
import { findJsonDifferences } from './json-difference.ts';
import { type Json, parseJson } from './json-value.ts';
import { createRecorder, type Recorder, record } from './recorder.ts';
import type { Redaction } from './redact.ts';
import { escapeInvisible, renderPair, shorten } from './render.ts';
import { type CompiledRules, compileRules, type RuleUse } from './rules.ts';

/** What {@link compareAnswers} takes besides answers and rules. */
export interface CompareOptions {
  readonly limits?: Partial<CompareLimits>;
  /** Hides secrets in the values of the differences; without it they are shown. */
  readonly redaction?: Redaction;
}

/**
 * Compares two answers to one request: status, headers, and bodies after decoding; JSON by its structure and types, with
 * exact numbers, pages by their texts and links where a rule says so, and everything else by its bytes. Never throws for what an upstream sent, and never says `stale`.
 */
export function compareAnswers(
  control: Answer,
  candidate: Answer,
  rules: CompiledRules | readonly CompareRule[],
  options: CompareOptions = {},
): Comparison {
  const compiled = 'headers' in rules ? rules : compileRules(rules);
  const limits = { ...defaultLimits, ...options.limits };
  const recorder = createRecorder(limits, options.redaction);
  if (control.status !== candidate.status) {
    const values = { control: String(control.status), candidate: String(candidate.status) };
    record(recorder, { part: 'status', path: '', kind: 'value', ...values });
  }
  findHeaderDifferences(control, candidate, compiled.headers, recorder);
  const error = compareBodies(control, candidate, compiled, recorder);
  return freeze(recorder, error);
}

function freeze(recorder: Recorder, error: string | undefined): Comparison {
  const { differenceCount, ignoredCount } = recorder;
  const outcome =
    differenceCount > 0 ? 'mismatch' : error !== undefined ? 'error' : ignoredCount > 0 ? 'ignored' : 'match';
  return Object.freeze({
    outcome,
    differences: Object.freeze(recorder.differences),
    differenceCount,
    ignored: Object.freeze(recorder.ignored),
    ignoredCount,
    ...(error === undefined ? {} : { error }),
  });
}

/** @returns why the bodies could not be compared. */
function compareBodies(
  control: Answer,
  candidate: Answer,
  rules: CompiledRules,
  recorder: Recorder,
): string | undefined {
  const cut = [control.truncated ? 'control' : '', candidate.truncated ? 'candidate' : ''].filter(
    (side) => side !== '',
  );
  if (cut.length > 0) {
    return `the body of the ${cut.join(' and of the ')} is larger than what is kept`;
  }
  const sameCoding = contentCodings(control).join() === contentCodings(candidate).join();
  if (sameCoding && control.body.equals(candidate.body)) {
    // Equal bytes are equal under every rule; most answers end here, unparsed.
    return undefined;
  }
  const left = decodeBody(control, recorder.limits.decodedBytes);
  const right = decodeBody(candidate, recorder.limits.decodedBytes);
  if ('fault' in left) {
    return `the body of the control ${left.fault}`;
  }
  if ('fault' in right) {
    return `the body of the candidate ${right.fault}`;
  }
  if (left.bytes.equals(right.bytes)) {
    return undefined;
  }
  if (rules.html !== undefined && saysHtml(control) && saysHtml(candidate)) {
    compareHtml(left.bytes, right.bytes, rules.html, rules, recorder);
  } else {
    compareDecoded(left.bytes, right.bytes, saysJson(control) || saysJson(candidate), rules, recorder);
  }
  return undefined;
}

/** By what a visitor reads and where she can go; the rule mattered if the bytes differ and nothing of that does. */
function compareHtml(
  control: Buffer,
  candidate: Buffer,
  html: RuleUse,
  rules: CompiledRules,
  recorder: Recorder,
): void {
  const [left, right] = [readHtml(control.toString()), readHtml(candidate.toString())];
  if (identical(left, right)) {
    html.count++;
  } else {
    findJsonDifferences(left, right, rules.body, recorder);
  }
}

function compareDecoded(
  control: Buffer,
  candidate: Buffer,
  mayBeJson: boolean,
  rules: CompiledRules,
  recorder: Recorder,
): void {
  const [left, right] = [textOf(control), textOf(candidate)];
  if (mayBeJson && left !== undefined && right !== undefined) {
    const [leftJson, rightJson] = [parseJson(left), parseJson(right)];
    if (leftJson !== undefined && rightJson !== undefined) {
      findJsonDifferences(leftJson, rightJson, rules.body, recorder);
      return;
    }
    if (leftJson !== undefined || rightJson !== undefined) {
      const describe = (json: Json | undefined, bytes: Buffer, text: string) =>
        `${json === undefined ? (bytes.length === 0 ? 'no body' : 'not JSON') : 'JSON'}: ${text}`;
      recordTexts(describe(leftJson, control, left), describe(rightJson, candidate, right), 'type', rules, recorder);
      return;
    }
  }
  const kind = control.length === 0 ? 'extra' : candidate.length === 0 ? 'missing' : 'value';
  recordTexts(left ?? hexAround(control, candidate), right ?? hexAround(candidate, control), kind, rules, recorder);
}

function recordTexts(
  control: string,
  candidate: string,
  kind: 'type' | 'value' | 'missing' | 'extra',
  rules: CompiledRules,
  recorder: Recorder,
): void {
  const { limits, redaction } = recorder;
  const clean = (text: string) => escapeInvisible(redaction === undefined ? text : redaction.text(text));
  // Redaction comes first: cut in two, a secret would no longer look like one.
  const [left, right] = renderPair(clean(control), clean(candidate), limits.value);
  record(recorder, {
    part: 'body',
    path: '',
    kind,
    ...(kind === 'extra' ? {} : { control: shorten(left, limits.value) }),
    ...(kind === 'missing' ? {} : { candidate: shorten(right, limits.value) }),
    excuse: rules.body?.ignore,
  });
}

const hexBytes = 24;

/** `4096 bytes, from byte 17: 89 50 4e ...`, with the first byte in which they differ in front. */
function hexAround(bytes: Buffer, other: Buffer): string {
  let first = 0;
  while (first < bytes.length && bytes[first] === other[first]) {
    first++;
  }
  const excerpt = bytes
    .subarray(first, first + hexBytes)
    .toString('hex')
    .replace(/..(?=.)/g, '$& ');
  return `${bytes.length} bytes, from byte ${first}: ${excerpt === '' ? 'the end' : excerpt}`;
}
