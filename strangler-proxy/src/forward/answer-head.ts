import { PROXY_NAME } from '../errors.ts';
import { CONNECTION_FIELDS } from './connection-fields.ts';
import type { Fields } from './head-additions.ts';
import { cookieFrom } from './own-cookies.ts';
import { namedByConnection } from './request-head.ts';
import { withoutTrailerPromise } from './trailers.ts';

/** Fields of the connection to the upstream. */
export const NOT_PASSED_ON = new Set(CONNECTION_FIELDS);

/** What the proxy adds to an answer. */
export interface AnswerAdditions {
  /** Name of the upstream; undefined if `X-Served-By` is switched off. */
  readonly servedBy: string | undefined;
  readonly setCookie: string | undefined;
  readonly added: Fields;
  /** Name of the service whose cookies have names of their own; undefined: cookies are passed on as they are. */
  readonly cookiesOf: string | undefined;
}

/**
 * Makes the head that goes to the client: the upstream's end-to-end fields, all of them, as they were.
 *
 * @param mayBeChunked whether the client takes chunks, and there is content
 * @returns names and values in turn, in the upstream's order and case; ours at the end
 */
export function answerHead(raw: Fields, mayBeChunked: boolean, additions: AnswerAdditions): string[] {
  const { servedBy, setCookie, added, cookiesOf } = additions;
  const named = namedByConnection(connectionOf(raw));
  const headers: string[] = [];
  let hasLength = false;
  let hasPromise = false;
  for (let i = 0; i < raw.length; i += 2) {
    const lower = (raw[i] as string).toLowerCase();
    if (lower === 'content-length') hasLength = true;
    else if (NOT_PASSED_ON.has(lower) || named?.has(lower) === true) continue;
    else if (lower === 'x-served-by' && servedBy !== undefined) continue;
    else if (lower === 'set-cookie' && cookiesOf !== undefined) {
      const cookie = cookieFrom(cookiesOf, raw[i + 1] as string);
      if (cookie !== undefined) headers.push(raw[i] as string, cookie);
      continue;
    } else if (lower === 'trailer') hasPromise = true;
    headers.push(raw[i] as string, raw[i + 1] as string);
  }
  if (setCookie !== undefined) headers.push('Set-Cookie', setCookie);
  headers.push(...added);
  headers.push('Via', `1.1 ${PROXY_NAME}`);
  if (servedBy !== undefined) headers.push('X-Served-By', servedBy);
  return hasPromise && (hasLength || !mayBeChunked) ? withoutTrailerPromise(headers) : headers;
}

function connectionOf(raw: readonly string[]): string | undefined {
  let options: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    options = options === undefined ? raw[i + 1] : `${options},${raw[i + 1]}`;
  }
  return options;
}

/** RFC 9110 section 6.4.1. */
export function hasContent(method: string | undefined, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304;
}

/** Names with their values. */
export function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) list.push([raw[i] as string, raw[i + 1] as string]);
  return list;
}
