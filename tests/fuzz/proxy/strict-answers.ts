import { type Field, readChunked, readHead, valuesOf } from './http-text.ts';

/** An answer that a client got. */
export interface ReadAnswer {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: string;
  /** Whether its body ends where its framing says, and not merely where the connection does. */
  readonly isWhole: boolean;
  /** Its body ends with the connection: nothing can be behind it. */
  readonly endsWithConnection: boolean;
}

/** What a client read. */
export interface ReadAnswers {
  readonly answers: readonly ReadAnswer[];
  /** What is no answer, and no beginning of one. */
  readonly malformed: string | undefined;
}

const STATUS_LINE = /^HTTP\/1\.1 ([1-9]\d\d) [\t -~\x80-\xff]*$/;

/**
 * Reads the answers to requests of these methods, in their order; what comes beyond the last one is malformed.
 * Interim answers are read over.
 */
export function readAnswers(text: string, methods: readonly string[]): ReadAnswers {
  const answers: ReadAnswer[] = [];
  let at = 0;
  while (at < text.length) {
    const head = readHead(text, at);
    if (head === 'unfinished') break;
    const [, digits] = (head === 'malformed' ? null : STATUS_LINE.exec(head.line)) ?? [];
    if (head === 'malformed' || digits === undefined) return { answers, malformed: text.slice(at, at + 200) };
    at = head.end;
    const status = Number(digits);
    if (status < 200) continue;
    if (answers.length >= methods.length) return { answers, malformed: `one answer too many: ${head.line}` };
    const read = readBody(text, head.end, head.fields, status, methods[answers.length]!);
    if (typeof read === 'string') return { answers, malformed: read };
    answers.push({ status, fields: head.fields, ...read.answer });
    at = read.end;
  }
  return { answers, malformed: undefined };
}

/** RFC 9112 section 6.3. */
function readBody(
  text: string,
  start: number,
  fields: readonly Field[],
  status: number,
  method: string,
): { answer: Pick<ReadAnswer, 'body' | 'isWhole' | 'endsWithConnection'>; end: number } | string {
  const [lengths, codings] = [valuesOf(fields, 'content-length'), valuesOf(fields, 'transfer-encoding')];
  if (lengths.length + codings.length > 1) return `two framings: ${JSON.stringify(fields)}`;
  const whole = (body: string, end: number) => ({ answer: { body, isWhole: true, endsWithConnection: false }, end });
  const cut = { answer: { body: text.slice(start), isWhole: false, endsWithConnection: false }, end: text.length };
  if (method === 'HEAD' || status === 204 || status === 304) return whole('', start);
  if (codings.length > 0) {
    if (codings[0] !== 'chunked') return `Transfer-Encoding: ${codings[0]}`;
    const body = readChunked(text, start);
    if (body === 'malformed') return `malformed chunks: ${JSON.stringify(text.slice(start, start + 200))}`;
    return body === 'unfinished' ? cut : whole(body.body, body.end);
  }
  if (lengths.length > 0) {
    if (!/^\d+$/.test(lengths[0]!)) return `Content-Length: ${lengths[0]}`;
    const end = start + Number(lengths[0]);
    return text.length < end ? cut : whole(text.slice(start, end), end);
  }
  return { answer: { body: text.slice(start), isWhole: false, endsWithConnection: true }, end: text.length };
}
