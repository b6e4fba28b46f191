import type { CompareLimits, Difference, DifferenceKind } from './comparison.ts';
import type { Json } from './json-value.ts';
import type { Redaction } from './redact.ts';
import { redacted, renderPair, renderValue } from './render.ts';
import type { RuleUse } from './rules.ts';

/** Collects differences within bounds, and counts those beyond. */
export interface Recorder {
  readonly differences: Difference[];
  readonly ignored: Difference[];
  differenceCount: number;
  ignoredCount: number;
  readonly limits: CompareLimits;
  readonly redaction: Redaction | undefined;
}

export function createRecorder(limits: CompareLimits, redaction: Redaction | undefined): Recorder {
  return { differences: [], ignored: [], differenceCount: 0, ignoredCount: 0, limits, redaction };
}

/** What is told of one difference; texts are already what a person reads. */
export interface Finding {
  readonly part: Difference['part'];
  readonly path: string;
  readonly kind: DifferenceKind;
  readonly control?: string;
  readonly candidate?: string;
  /** The rule that excuses it. */
  readonly excuse?: RuleUse | undefined;
}

/** Records one difference; a value under a secret name is replaced by a mark. */
export function record(recorder: Recorder, finding: Finding): void {
  const { excuse } = finding;
  const list = excuse === undefined ? recorder.differences : recorder.ignored;
  if (excuse === undefined) {
    recorder.differenceCount++;
  } else {
    recorder.ignoredCount++;
    excuse.count++;
  }
  if (list.length >= recorder.limits.differences) {
    return;
  }
  const { redaction } = recorder;
  const hidden = redaction !== undefined && finding.path.split('/').some((segment) => redaction.isSecret(segment));
  const show = (value: string) => (hidden ? redacted : value);
  list.push(
    Object.freeze({
      part: finding.part,
      path: finding.path,
      kind: finding.kind,
      ...(finding.control === undefined ? {} : { control: show(finding.control) }),
      ...(finding.candidate === undefined ? {} : { candidate: show(finding.candidate) }),
      ...(excuse === undefined ? {} : { reason: excuse.rule.reason }),
    }),
  );
}

/** Records two JSON values that differ, or one that the other side does not have. */
export function recordJson(
  recorder: Recorder,
  path: readonly (string | number)[],
  kind: DifferenceKind,
  values: { readonly control?: Json; readonly candidate?: Json },
  excuse?: RuleUse,
): void {
  const { limits, redaction } = recorder;
  const full = excuse === undefined ? recorder.differences : recorder.ignored;
  const finding = { part: 'body', path: pointer(path), kind, excuse } as const;
  if (full.length >= limits.differences) {
    record(recorder, finding);
    return;
  }
  const { control, candidate } = values;
  if (control !== undefined && candidate !== undefined) {
    // Enough of both to find where two long values part.
    const [left, right] = renderPair(
      renderValue(control, limits.value * 100, redaction),
      renderValue(candidate, limits.value * 100, redaction),
      limits.value,
    );
    record(recorder, { ...finding, control: left, candidate: right });
  } else if (control !== undefined) {
    record(recorder, { ...finding, control: renderValue(control, limits.value, redaction) });
  } else if (candidate !== undefined) {
    record(recorder, { ...finding, candidate: renderValue(candidate, limits.value, redaction) });
  }
}

/** A JSON Pointer (RFC 6901). */
export function pointer(path: readonly (string | number)[]): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
