import fc from 'fast-check';

/** One change to bytes: what is at a place is left out, and something else is put there. */
export interface Edit {
  /** Place, modulo the length. */
  readonly at: number;
  readonly leaveOut: number;
  readonly put: string;
}

/** What has opened a hole in some parser. */
const PIECES = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  '\t',
  ' ',
  '\x0b',
  '\x7f',
  '\x85',
  '\xff',
  ':',
  ',',
  ';',
  '#',
  '0',
  '1',
  'f',
  '0\r\n\r\n',
  'HTTP/1.0',
  'HTTP/1.1',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  '\r\nTransfer-Encoding: chunked',
  'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled',
];

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(4_096),
  leaveOut: fc.oneof(fc.constant(0), fc.nat(8)),
  put: fc.oneof(
    fc.constantFrom(...PIECES),
    fc.nat(255).map((byte) => String.fromCharCode(byte)),
    fc.constant(''),
  ),
});

/** Changes to make, one after the other; usually none. */
export const edits: fc.Arbitrary<readonly Edit[]> = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: fc.array(edit, { minLength: 1, maxLength: 3 }) },
);

/** Where the bytes are cut into pieces that are sent one by one, modulo their length. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constant([]),
  fc.array(fc.nat(4_096), { minLength: 1, maxLength: 5 }),
);

/** Makes the changes. */
export function edited(text: string, changes: readonly Edit[]): string {
  return changes.reduce((now, { at, leaveOut, put }) => {
    const place = at % (now.length + 1);
    return now.slice(0, place) + put + now.slice(place + leaveOut);
  }, text);
}

/** The pieces between the cuts. */
export function pieces(text: string, at: readonly number[]): string[] {
  if (text === '') return [];
  const places = [...new Set(at.map((place) => place % text.length))].sort((a, b) => a - b);
  return [0, ...places.filter((place) => place > 0)].map((from, i, all) => text.slice(from, all[i + 1]));
}
