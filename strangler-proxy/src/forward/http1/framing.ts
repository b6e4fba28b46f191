import { invalid } from '../answer-faults.ts';

/** How an answer ends: after this many bytes, or as one of the two below says. */
export type Framing = number;
export const CHUNKED: Framing = -1;
/** With its connection. */
export const UNTIL_CLOSE: Framing = -2;

/** What a head says about the bytes after it. */
export interface Message {
  readonly framing: Framing;
  /** For how long the connection may be kept for another request; 0: not at all. */
  readonly keepMs: number;
}

/** Shorter than the five seconds after which many servers close, so that it is not they who close first. */
const KEEP_MS = 4_000;
const KEEP_MS_MAX = 60_000;
/** How much earlier we are than a server that says when it closes. */
const KEEP_MARGIN_MS = 1_000;

/**
 * Where the message ends, by RFC 9112 section 6.3, and whether another may follow, by section 9.3. What that section
 * leaves to the reader's discretion is refused: a length beside a transfer coding, lengths that repeat, a coding that
 * is not chunked alone.
 *
 * @param hasContent false for answers to HEAD, and for 204 and 304
 * @throws UpstreamFault
 */
export function readFraming(fields: readonly string[], isHttp10: boolean, hasContent: boolean): Message {
  let length: string | undefined;
  let coding: string | undefined;
  let options = '';
  let hint = '';
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    switch (name.length) {
      case 10: {
        const lower = name.toLowerCase();
        if (lower === 'connection') options += `,${value}`;
        else if (lower === 'keep-alive') hint = value;
        break;
      }
      case 14:
        if (name.toLowerCase() !== 'content-length') break;
        if (length !== undefined) throw invalid('two Content-Length fields');
        length = value;
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        if (coding !== undefined) throw invalid('two Transfer-Encoding fields');
        coding = value;
        break;
    }
  }
  const keepMs = keepTime(options, hint, isHttp10);
  if (length !== undefined && coding !== undefined) throw invalid('Content-Length beside Transfer-Encoding');
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw invalid('Content-Length is no length');
  if (coding !== undefined && (isHttp10 || coding.toLowerCase() !== 'chunked')) throw invalid('an unknown coding');
  if (!hasContent) return { framing: 0, keepMs };
  if (coding !== undefined) return { framing: CHUNKED, keepMs };
  if (length !== undefined) return { framing: Number(length), keepMs };
  return { framing: UNTIL_CLOSE, keepMs: 0 };
}

function keepTime(options: string, hint: string, isHttp10: boolean): number {
  if (options !== '' || isHttp10) {
    const lower = options.toLowerCase();
    if (/,[\t ]*close[\t ]*(?:,|$)/.test(lower)) return 0;
    if (isHttp10 && !/,[\t ]*keep-alive[\t ]*(?:,|$)/.test(lower)) return 0;
  }
  const seconds = hint === '' ? undefined : /(?:^|[,\t ])timeout=(\d{1,6})/i.exec(hint)?.[1];
  if (seconds === undefined) return KEEP_MS;
  return Math.max(0, Math.min(Number(seconds) * 1_000 - KEEP_MARGIN_MS, KEEP_MS_MAX));
}
