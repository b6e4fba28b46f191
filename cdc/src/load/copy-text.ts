import { Transform, type TransformCallback } from 'node:stream';
import type { Text } from 'strangler-migrations/define';

/** A row of `COPY ... (FORMAT text)`: the values in the order of its columns. */
export type CopyRow = readonly Text[];

/** Parses one line of COPY's text format, without its line feed (PostgreSQL documentation, COPY, "Text Format"). */
export function parseCopyLine(line: string): CopyRow {
  return line.split('\t').map((field) => {
    if (field === '\\N') return null;
    return field.includes('\\') ? field.replaceAll(ESCAPED, unescapeOne) : field;
  });
}

/** Formats one line of COPY's text format, with its line feed. */
export function formatCopyLine(values: CopyRow): string {
  let line = '';
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (index > 0) line += '\t';
    line += value === null ? '\\N' : SPECIAL.test(value) ? value.replaceAll(SPECIALS, escapeOne) : value;
  }
  return `${line}\n`;
}

/**
 * A stream of COPY's text format into another: each row through `map`. A row may be cut anywhere between two chunks; a
 * line feed inside a value is escaped, so every line feed ends a row.
 */
export function mapCopy(map: (row: CopyRow) => CopyRow): Transform {
  let rest: Buffer | undefined;
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      try {
        const data: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk;
        let out = '';
        let start = 0;
        for (let end = data.indexOf(LINE_FEED); end >= 0; end = data.indexOf(LINE_FEED, start)) {
          out += formatCopyLine(map(parseCopyLine(data.toString('utf8', start, end))));
          start = end + 1;
        }
        rest = start < data.length ? data.subarray(start) : undefined;
        done(null, out === '' ? undefined : Buffer.from(out));
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

/** Passes COPY's text format through and counts its rows. */
export function countRows(counted: (rows: number, bytes: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      let rows = 0;
      for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) rows++;
      counted(rows, chunk.length);
      done(null, chunk);
    },
  });
}

const LINE_FEED = 0x0a;
const ESCAPED = /\\(.)/gs;
const SPECIAL = /[\\\t\n\r\b\f\v]/;
const SPECIALS = /[\\\t\n\r\b\f\v]/g;
const LETTERS: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  ...Object.fromEntries(Object.entries(LETTERS).map(([letter, character]) => [character, `\\${letter}`])),
};

/** COPY TO never writes octal or hexadecimal escapes in UTF-8, so a letter is all that is left. */
function unescapeOne(_whole: string, escaped: string): string {
  return LETTERS[escaped] ?? escaped;
}

function escapeOne(character: string): string {
  return ESCAPES[character]!;
}
