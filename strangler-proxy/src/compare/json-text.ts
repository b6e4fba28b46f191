import { numberText } from './exact-number.ts';
import { isArray, isNumber, isObject, type Json } from './json-value.ts';
import type { Redaction } from './redact.ts';
import { redacted } from './render.ts';

/** A JSON text of a value, numbers as they were written, secrets replaced by a mark. */
export function jsonText(value: Json, redaction: Redaction): string {
  if (typeof value === 'string') {
    return JSON.stringify(redaction.text(value));
  }
  if (isNumber(value)) {
    return numberText(value);
  }
  if (value === null || typeof value === 'boolean') {
    return String(value);
  }
  if (isArray(value)) {
    return `[${value.map((item) => jsonText(item, redaction)).join(',')}]`;
  }
  const members = isObject(value) ? value.keys.map((key, index) => [key, value.values[index]!] as const) : [];
  const text = (key: string, member: Json) =>
    redaction.isSecret(key) ? JSON.stringify(redacted) : jsonText(member, redaction);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${text(key, member)}`).join(',')}}`;
}
