import { connectionOptions, type Field, METHOD, readChunked, readHead, valuesOf } from './http-text.ts';

/** A request as an upstream gets it. */
export interface ReceivedRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly Field[];
  readonly body: string;
  /** How many bytes it took, its body included. */
  readonly bytes: number;
}

/**
 * Reads the first request of what an upstream was sent; undefined while it is not whole. Stricter than RFC 9112 asks for:
 * the proxy has no reason to send an extension of a chunk, a trailer, or a target that is not in origin form.
 */
export function readReceived(text: string): ReceivedRequest | { readonly malformed: string } | undefined {
  const head = readHead(text, 0);
  if (head === 'unfinished') return undefined;
  if (head === 'malformed') return { malformed: text.slice(0, text.indexOf('\r\n\r\n')) };
  const { line, fields, end } = head;
  const [method = '', target = '', version, ...more] = line.split(' ');
  if (more.length > 0 || version !== 'HTTP/1.1' || !METHOD.test(method) || !/^\/[!-~\x80-\xff]*$/.test(target)) {
    return { malformed: line };
  }
  const [hosts, lengths, codings] = ['host', 'content-length', 'transfer-encoding'].map((name) =>
    valuesOf(fields, name),
  );
  if (hosts!.length !== 1) return { malformed: `${hosts!.length} Hosts` };
  if (lengths!.length + codings!.length > 1) return { malformed: `two framings: ${[...lengths!, ...codings!]}` };
  if (connectionOptions(fields).some((option) => !/^(?:keep-alive|close)$/.test(option))) {
    return { malformed: `Connection: ${connectionOptions(fields)}` };
  }
  const request = { method, target, fields };
  if (codings!.length > 0) {
    if (codings![0] !== 'chunked') return { malformed: `Transfer-Encoding: ${codings![0]}` };
    const body = readChunked(text, end);
    if (body === 'unfinished') return undefined;
    if (body === 'malformed') return { malformed: `chunks: ${text.slice(end, end + 100)}` };
    if (body.trailers.length > 0) return { malformed: `trailers: ${body.trailers}` };
    return { ...request, body: body.body, bytes: body.end };
  }
  const length = lengths![0] ?? '0';
  if (!/^\d+$/.test(length)) return { malformed: `Content-Length: ${length}` };
  const bytes = end + Number(length);
  return text.length < bytes ? undefined : { ...request, body: text.slice(end, bytes), bytes };
}
