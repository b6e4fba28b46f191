/** One request, as its bytes have it and in no other reading. */
export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  /** How many bytes it took, its body included. */
  readonly bytes: number;
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) (\/[!-~\x80-\xff]*) HTTP\/1\.1$/;
const FIELD = /^([!#$%&'*+.^_`|~\w-]+):[\t ]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[\t ]*$/;

/** Reads the first request of `bytes`; undefined while it is not whole. RFC 9112, with no leniency of any kind. */
export function readRequest(bytes: Buffer): StrictRequest | { readonly malformed: string } | undefined {
  const text = bytes.toString('latin1');
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [line = '', ...fields] = text.slice(0, headEnd).split('\r\n');
  const [, method = '', target = ''] = REQUEST_LINE.exec(line) ?? [];
  if (method === '') return { malformed: line };
  const values = new Map<string, string[]>();
  for (const field of fields) {
    const [, name = '', value = ''] = FIELD.exec(field) ?? [];
    if (name === '') return { malformed: field };
    values.set(name.toLowerCase(), [...(values.get(name.toLowerCase()) ?? []), value]);
  }
  const [lengths = [], codings = [], hosts = []] = ['content-length', 'transfer-encoding', 'host'].map((name) =>
    values.get(name),
  );
  if (hosts.length !== 1) return { malformed: `${hosts.length} Hosts` };
  if (lengths.length + codings.length > 1) return { malformed: 'two framings' };
  const bodyStart = headEnd + 4;
  if (codings.length > 0) {
    if (codings[0] !== 'chunked') return { malformed: `Transfer-Encoding: ${codings[0]}` };
    return chunkedBody(method, target, text, bodyStart);
  }
  const length = lengths[0] ?? '0';
  if (!/^\d+$/.test(length)) return { malformed: `Content-Length: ${length}` };
  const end = bodyStart + Number(length);
  return text.length < end ? undefined : { method, target, body: text.slice(bodyStart, end), bytes: end };
}

function chunkedBody(method: string, target: string, text: string, start: number): ReturnType<typeof readRequest> {
  let body = '';
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = text.slice(at, lineEnd);
    if (!/^[0-9A-Fa-f]{1,8}$/.test(size)) return { malformed: `chunk size ${size}` };
    const dataStart = lineEnd + 2;
    const dataEnd = dataStart + Number.parseInt(size, 16);
    if (dataEnd === dataStart) return afterTrailers(method, target, body, text, dataStart);
    if (text.length < dataEnd + 2) return undefined;
    if (text.slice(dataEnd, dataEnd + 2) !== '\r\n') return { malformed: 'the end of a chunk' };
    at = dataEnd + 2;
    body += text.slice(dataStart, dataEnd);
  }
}

function afterTrailers(
  method: string,
  target: string,
  body: string,
  text: string,
  start: number,
): ReturnType<typeof readRequest> {
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const line = text.slice(at, lineEnd);
    at = lineEnd + 2;
    if (line === '') return { method, target, body, bytes: at };
    const [, name = ''] = FIELD.exec(line) ?? [];
    if (name === '' || /^(?:content-length|transfer-encoding|host)$/i.test(name)) return { malformed: line };
  }
}
