/** HTTP/1.1 messages as text, one character per byte (latin1), read to the letter of RFC 9112 and with no leniency. */

/** A field line: its name and its value without the white space around it. */
export type Field = readonly [name: string, value: string];

/** The first line of a head, and its fields; undefined where a line is no field. */
export interface Head {
  readonly line: string;
  readonly fields: readonly Field[];
  /** Where the head ends and the body begins. */
  readonly end: number;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const VALUE = '(?:[!-~\\x80-\\xff](?:[\\t -~\\x80-\\xff]*[!-~\\x80-\\xff])?)?';
/** RFC 9112 section 5: no space before the colon, no folding (section 5.2), no control character. */
const FIELD = new RegExp(`^(${TOKEN}):[\\t ]*(${VALUE})[\\t ]*$`);
/** RFC 9112 section 7.1; extensions are read over. */
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,12})[\t ]*(?:;[\t -~\x80-\xff]*)?$/;

export const METHOD = new RegExp(`^${TOKEN}$`);

/** Reads a head; `unfinished` while its empty line is missing. */
export function readHead(text: string, start: number): Head | 'unfinished' | 'malformed' {
  const end = text.indexOf('\r\n\r\n', start);
  if (end < 0) return 'unfinished';
  const [line = '', ...lines] = text.slice(start, end).split('\r\n');
  const fields = readFields(lines);
  return fields === undefined ? 'malformed' : { line, fields, end: end + 4 };
}

/** Every value of one field, whatever the case of its name. */
export function valuesOf(fields: readonly Field[], wanted: string): string[] {
  return fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
}

/** The options that `Connection` lists, in lower case. */
export function connectionOptions(fields: readonly Field[]): string[] {
  return valuesOf(fields, 'connection').flatMap((list) => list.split(',').map((option) => option.trim().toLowerCase()));
}

/** A body and where it ends. */
export interface Body {
  readonly body: string;
  readonly end: number;
  readonly trailers: readonly Field[];
}

/** Reads a chunked body with its trailers. */
export function readChunked(text: string, start: number): Body | 'unfinished' | 'malformed' {
  let body = '';
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return 'unfinished';
    const size = Number.parseInt(CHUNK_SIZE.exec(text.slice(at, lineEnd))?.[1] ?? '', 16);
    if (Number.isNaN(size)) return 'malformed';
    at = lineEnd + 2;
    if (size === 0) return readTrailers(text, at, body);
    if (text.length < at + size + 2) return 'unfinished';
    if (text.slice(at + size, at + size + 2) !== '\r\n') return 'malformed';
    body += text.slice(at, at + size);
    at += size + 2;
  }
}

function readTrailers(text: string, start: number, body: string): Body | 'unfinished' | 'malformed' {
  if (text.startsWith('\r\n', start)) return { body, end: start + 2, trailers: [] };
  const end = text.indexOf('\r\n\r\n', start);
  if (end < 0) return 'unfinished';
  const trailers = readFields(text.slice(start, end).split('\r\n'));
  return trailers === undefined ? 'malformed' : { body, end: end + 4, trailers };
}

function readFields(lines: readonly string[]): Field[] | undefined {
  const fields: Field[] = [];
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    fields.push([name, value]);
  }
  return fields;
}
