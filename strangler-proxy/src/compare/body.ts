import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { type Answer, headerValues } from './answer.ts';

/** A body without its content codings, or why it cannot be had. */
export type DecodedBody = { readonly bytes: Buffer } | { readonly fault: string };

/** More codings than anyone uses on one body; each costs a pass. */
const codingsMax = 3;

/**
 * Undoes an answer's content codings (RFC 9110 section 8.4): gzip, br, deflate (with zlib's wrapper, as the RFC wants,
 * and without it, as some servers send it) and zstd. Stops at `bytesMax` bytes, so that a small body cannot unpack into
 * a large one. It is synchronous: the caller bounds what it is given.
 */
export function decodeBody(answer: Answer, bytesMax: number): DecodedBody {
  const codings = contentCodings(answer);
  if (codings.length > codingsMax) {
    return { fault: `has ${codings.length} content codings` };
  }
  let bytes = answer.body;
  for (const coding of codings.toReversed()) {
    const decode = decoders[coding];
    if (decode === undefined) {
      return { fault: `has the content coding ${JSON.stringify(coding)}, which is not known here` };
    }
    try {
      // An answer to HEAD names a coding and has no body.
      bytes = bytes.length === 0 ? bytes : decode(bytes, { maxOutputLength: bytesMax });
    } catch (error) {
      const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      return { fault: tooLarge ? `unpacks to more than ${bytesMax} bytes` : `is not valid ${coding}` };
    }
  }
  return { bytes };
}

/** The codings in the order in which they were applied, in lower case, without `identity`. */
export function contentCodings(answer: Answer): readonly string[] {
  return headerValues(answer.rawHeaders, 'content-encoding')
    .flatMap((value) => value.split(','))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
}

type Decoder = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;

const decoders: Readonly<Record<string, Decoder | undefined>> = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  br: brotliDecompressSync,
  // The first nibble of zlib's wrapper is 8 (RFC 1950 section 2.2).
  deflate: (bytes, options) => (((bytes[0] ?? 0) & 0x0f) === 8 ? inflateSync : inflateRawSync)(bytes, options),
  zstd: zstdDecompressSync,
};

/** Whether the answer says that its body is JSON: `application/json`, `application/problem+json`. */
export function saysJson(answer: Answer): boolean {
  return /^\s*[\w.+-]+\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(headerValues(answer.rawHeaders, 'content-type')[0] ?? '');
}

/** Whether the answer says that its body is a page. */
export function saysHtml(answer: Answer): boolean {
  return /^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i.test(
    headerValues(answer.rawHeaders, 'content-type')[0] ?? '',
  );
}

/** A body as text; undefined if it is not UTF-8, or has bytes that no text has. */
export function textOf(bytes: Buffer): string | undefined {
  try {
    const text = strictUtf8.decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
