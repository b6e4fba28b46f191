import { numberText } from './exact-number.ts';
import { isArray, isNumber, type Json } from './json-value.ts';
import type { Redaction } from './redact.ts';

/** A value as a person reads it: compact JSON, cut after `limit` characters, secrets hidden if asked for. */
export function renderValue(value: Json, limit: number, redaction?: Redaction): string {
  const pieces: string[] = [];
  let length = 0;
  const put = (piece: string) => {
    pieces.push(piece);
    length += piece.length;
  };
  const walk = (node: Json): void => {
    if (length > limit) {
      return;
    }
    if (typeof node === 'string') {
      // A long string is cut before it is quoted, so that a megabyte costs no more than a line.
      put(quote(redaction === undefined ? node.slice(0, limit + 1) : redaction.text(node.slice(0, limit + 1))));
    } else if (isNumber(node)) {
      put(numberText(node));
    } else if (typeof node === 'boolean' || node === null) {
      put(String(node));
    } else if (isArray(node)) {
      put('[');
      for (let index = 0; index < node.length && length <= limit; index++) {
        put(index === 0 ? '' : ',');
        walk(node[index]!);
      }
      put(']');
    } else {
      put('{');
      for (let index = 0; index < node.keys.length && length <= limit; index++) {
        const key = node.keys[index]!;
        put(`${index === 0 ? '' : ','}${quote(key.slice(0, limit + 1))}:`);
        if (redaction?.isSecret(key)) {
          put(redacted);
        } else {
          walk(node.values[index]!);
        }
      }
      put('}');
    }
  };
  walk(value);
  return shorten(pieces.join(''), limit);
}

/** What stands in the place of a secret. */
export const redacted = '[redacted]';

/**
 * Two long texts, each cut to the stretch around the first character in which they differ: what is equal before it
 * becomes an ellipsis.
 */
export function renderPair(control: string, candidate: string, limit: number): readonly [string, string] {
  if (control.length <= limit && candidate.length <= limit) {
    return [control, candidate];
  }
  let first = 0;
  while (first < control.length && control.charCodeAt(first) === candidate.charCodeAt(first)) {
    first++;
  }
  const context = Math.floor(limit / 4);
  const start = first > context * 2 ? first - context : 0;
  const cut = (text: string) => (start === 0 ? '' : '…') + shorten(text.slice(start), limit - 1);
  return [cut(control), cut(candidate)];
}

/** At most `limit` characters, the last of them an ellipsis if there were more; never half a surrogate pair. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) {
    return text;
  }
  return `${text
    .slice(0, limit - 1)
    .toWellFormed()
    .replace(/\uFFFD$/, '')}…`;
}

/** A JSON string, with everything escaped that a terminal would act on or that a reader could not see. */
export function quote(text: string): string {
  return escapeInvisible(JSON.stringify(text));
}

/** Control characters and bidirectional overrides as `\u....`. */
export function escapeInvisible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
