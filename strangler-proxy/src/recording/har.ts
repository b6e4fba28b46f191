import * as z from 'zod';
import type { Answer } from '../compare/answer.ts';
import { decodeBody, saysJson, textOf } from '../compare/body.ts';
import { jsonText } from '../compare/json-text.ts';
import { parseJson } from '../compare/json-value.ts';
import { type Redaction, redactTarget } from '../compare/redact.ts';
import { redacted } from '../compare/render.ts';

/** One request and its answer, as they passed the proxy. */
export interface Exchange {
  readonly capability: string;
  readonly route: string;
  readonly upstream: string;
  readonly method: string;
  readonly host: string;
  /** As the client wrote it. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly answer: Answer;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly milliseconds: number;
}

/** Bytes of one body after decoding: beyond it the body is left out. */
const decodedBytesMax = 16 * 1024 * 1024;

const pairs = z.array(z.object({ name: z.string(), value: z.string() }));

/** What is read of an archive: other programs may have written it. */
const HAR = z.object({
  log: z.object({
    entries: z.array(
      z.object({
        request: z.object({ method: z.string(), url: z.url(), headers: pairs, postData: z.unknown().optional() }),
        response: z
          .object({
            status: z.number(),
            headers: pairs,
            content: z.object({ text: z.string().optional(), encoding: z.string().optional() }),
          })
          .optional(),
      }),
    ),
  }),
});

/** A request of an archive, and the answer that was recorded with it. */
export interface RecordedExchange {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body is decoded, and secrets in it are hidden. */
  readonly answer: Answer | undefined;
}

/**
 * One exchange as an entry of an HTTP Archive 1.2. Credentials, cookies and what looks personal are hidden; the body is
 * decoded. What is our own stands under `_strangler`, as the format allows for names with an underscore.
 */
export function toEntry(exchange: Exchange, redaction: Redaction): object {
  const { answer } = exchange;
  const url = new URL(`http://${exchange.host}`).origin + redactTarget(exchange.target, redaction);
  return {
    startedDateTime: new Date(exchange.startedAt).toISOString(),
    time: exchange.milliseconds,
    request: {
      method: exchange.method,
      url,
      httpVersion: 'HTTP/1.1',
      cookies: [],
      headers: namedPairs(exchange.headers, redaction),
      queryString: [...new URL(url).searchParams].map(([name, value]) => ({ name, value })),
      headersSize: -1,
      bodySize: 0,
    },
    response: {
      status: answer.status,
      statusText: '',
      httpVersion: 'HTTP/1.1',
      cookies: [],
      headers: namedPairs(answer.rawHeaders, redaction),
      content: contentOf(answer, redaction),
      redirectURL: '',
      headersSize: -1,
      bodySize: answer.body.length,
    },
    cache: {},
    timings: { send: 0, wait: exchange.milliseconds, receive: 0 },
    _strangler: { capability: exchange.capability, route: exchange.route, upstream: exchange.upstream },
  };
}

/** An archive of these entries. */
export function toHar(entries: readonly object[]): object {
  return { log: { version: '1.2', creator: { name: 'strangler-proxy', version: '1' }, entries } };
}

/** Reads an archive. @throws Error that says what is wrong with it. */
export function readHar(text: string): readonly RecordedExchange[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Error(`it is no JSON: ${(error as Error).message}`);
  }
  const har = HAR.safeParse(content);
  if (!har.success) {
    throw new Error(`it is no HTTP Archive (HAR 1.2):\n${z.prettifyError(har.error)}`);
  }
  return har.data.log.entries.map(({ request, response }) => {
    const url = new URL(request.url);
    return {
      method: request.method,
      // What `URL` would make of it is not what the client sent.
      target: request.url.replace(/^[a-z]+:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/'),
      host: url.host,
      headers: request.headers.map(({ name, value }) => [name, value] as const),
      answer:
        response === undefined
          ? undefined
          : {
              status: response.status,
              rawHeaders: response.headers.flatMap(({ name, value }) => [name, value]),
              body: Buffer.from(
                response.content.text ?? '',
                response.content.encoding === 'base64' ? 'base64' : 'utf8',
              ),
              truncated: false,
            },
    };
  });
}

/**
 * An answer as a recording shows it: decoded, secrets hidden. What is compared with a recorded answer has to be read in
 * the same way.
 */
export function asRecorded(answer: Answer, redaction: Redaction): Answer {
  const { text, encoding } = contentOf(answer, redaction);
  const headers = namedPairs(answer.rawHeaders, redaction);
  return {
    status: answer.status,
    rawHeaders: headers.flatMap(({ name, value }) => [name, value]),
    body: Buffer.from(text, encoding ?? 'utf8'),
    truncated: answer.truncated,
  };
}

/** `content-encoding` goes, as the body is decoded. */
function namedPairs(raw: readonly string[], redaction: Redaction): { name: string; value: string }[] {
  const named: { name: string; value: string }[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const [name, value] = [raw[index]!, raw[index + 1]!];
    if (name.toLowerCase() !== 'content-encoding') {
      named.push({ name, value: shownValue(name, value, redaction) });
    }
  }
  return named;
}

function shownValue(name: string, value: string, redaction: Redaction): string {
  if (name.toLowerCase() === 'set-cookie') {
    // Its name and attributes are compared; its value is a session.
    return value.replace(/^([^=;]*)=[^;]*/, `$1=${redacted}`);
  }
  return redaction.isSecret(name) ? redacted : redactTarget(value, redaction);
}

function contentOf(
  answer: Answer,
  redaction: Redaction,
): { size: number; mimeType: string; text: string; encoding?: 'base64' } {
  const type = answer.rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type');
  const mimeType = type < 0 ? '' : answer.rawHeaders[type + 1]!;
  const decoded = decodeBody(answer, decodedBytesMax);
  const bytes = 'fault' in decoded ? answer.body : decoded.bytes;
  const text = 'fault' in decoded ? undefined : textOf(bytes);
  if (text === undefined) {
    return { size: bytes.length, mimeType, text: bytes.toString('base64'), encoding: 'base64' };
  }
  const json = saysJson(answer) ? parseJson(text) : undefined;
  return {
    size: bytes.length,
    mimeType,
    text: json === undefined ? redaction.text(text) : jsonText(json, redaction),
  };
}
