import { pair, refuse } from 'strangler-migrations/define';

/**
 * The monolith packs a product's attributes into one text, `colour=red;size=XL`; the service has a list of them in JSON.
 *
 * `;` ends an entry, the first `=` of an entry ends its name, and a backslash makes a following `\`, `;` or `=` ordinary. The
 * same entry can be spelled in several ways (`a=b=c` and `a=b\=c`), and an empty text has no entry. So that every text
 * has a list of its own, and comes back to the letter, an entry keeps its spelling beside its meaning, under `raw`,
 * wherever {@link packEntry} would have spelled it otherwise.
 */
export const attributes = pair({
  name: 'attributes',
  source: { attr_txt: 'text' },
  target: { attributes: 'jsonb' },
  forward: ({ attr_txt }) => ({ attributes: attr_txt === null ? null : formatJson(unpack(attr_txt)) }),
  back: ({ attributes }) => ({ attr_txt: attributes === null ? null : pack(attributes) }),
});

interface Entry {
  /** How the monolith spells it, if not as {@link packEntry} does. */
  readonly raw?: string;
  /** Absent for an entry without `=`. */
  readonly name?: string;
  readonly value: string;
}

function unpack(text: string): readonly Entry[] {
  return text === '' ? [] : splitUnescaped(text, ';').map(unpackEntry);
}

function unpackEntry(raw: string): Entry {
  const [first = '', ...rest] = splitUnescaped(raw, '=');
  const entry =
    rest.length === 0
      ? { value: withoutEscapes(first) }
      : { name: withoutEscapes(first), value: withoutEscapes(rest.join('=')) };
  return packEntry(entry) === raw ? entry : { raw, ...entry };
}

/** @throws {ValueError} for a list that no text of the monolith unpacks to. */
function pack(json: string): string {
  const text = parseJson(json)
    .map((entry) => entry.raw ?? packEntry(entry))
    .join(';');
  // Only unpacking again shows whether `raw` means what stands beside it, and ends where the next entry begins.
  return formatJson(unpack(text)) === json ? text : refuse('attributes', json, 'no text of the monolith unpacks to it');
}

/** The usual spelling: a backslash before each backslash, semicolon and equals sign. */
function packEntry({ name, value }: Entry): string {
  return name === undefined ? withEscapes(value) : `${withEscapes(name)}=${withEscapes(value)}`;
}

function withEscapes(text: string): string {
  return text.replace(/[\\;=]/g, '\\$&');
}

/** Before any other character, and at the end, a backslash is one (`C:\\temp`), as it is to the monolith. */
function withoutEscapes(text: string): string {
  return text.replace(/\\([\\;=])/g, '$1');
}

/** Splits at each separator that no backslash takes away. */
function splitUnescaped(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let begin = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === separator) {
      parts.push(text.slice(begin, at));
      begin = at + 1;
    }
  }
  return [...parts, text.slice(begin)];
}

/** As PostgreSQL prints `jsonb`: shorter keys first, a space after each comma and colon. */
function formatJson(entries: readonly Entry[]): string {
  const format = ({ raw, name, value }: Entry) =>
    Object.entries({ raw, name, value })
      .filter(([, text]) => text !== undefined)
      .map(([key, text]) => `"${key}": ${JSON.stringify(text)}`)
      .join(', ');
  return `[${entries.map((entry) => `{${format(entry)}}`).join(', ')}]`;
}

function parseJson(json: string): readonly Entry[] {
  const parsed: unknown = JSON.parse(json);
  if (Array.isArray(parsed) && parsed.every(isEntry)) return parsed;
  return refuse('attributes', json, 'it has to be a list of {"name": text, "value": text}');
}

function isEntry(item: unknown): item is Entry {
  if (typeof item !== 'object' || item === null || !('value' in item)) return false;
  return Object.values(item).every((text) => typeof text === 'string');
}
