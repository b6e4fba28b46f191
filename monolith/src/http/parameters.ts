import { Refusal } from './refusal.ts';

const LARGEST_INTEGER = 2_147_483_647;

/** A query parameter: of repeated keys the last counts. */
export function lastValue(value: unknown): string | undefined {
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === 'string' ? last : undefined;
}

/** A whole number from 1 to `most`, or undefined when it does not parse. */
export function positiveInteger(text: string | undefined, most = LARGEST_INTEGER): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= 1 && number <= most ? number : undefined;
}

/** An id in a path. @throws Refusal BAD_ID, with status 200 as clients have known it since 2009. */
export function pathId(text: unknown): number {
  const id = typeof text === 'string' && text.startsWith('0') ? undefined : positiveInteger(lastValue(text));
  if (id === undefined) throw new Refusal(200, { error: 'BAD_ID' });
  return id;
}

/** Text as it came, or undefined when it is empty or holds U+0000, which PostgreSQL does not take. */
export function searchableText(value: unknown): string | undefined {
  const text = lastValue(value);
  return text === undefined || text === '' || text.includes('\0') ? undefined : text;
}

/** Makes `%`, `_` and `\` ordinary characters of a LIKE pattern. */
export function likeLiteral(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
