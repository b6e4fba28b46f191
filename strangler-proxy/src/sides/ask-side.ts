import { type Dispatcher, Pool } from 'undici';
import type { Answer } from '../compare/answer.ts';
import type { Comparison } from '../compare/comparison.ts';

/** A server that is asked. */
export interface Side {
  readonly role: 'control' | 'candidate';
  readonly url: URL;
  readonly pool: Pool;
}

/** A request as it is sent: nothing of it is encoded, decoded or put in order. */
export interface SideRequest {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

/** What a side answered, with the time to the head of the answer if it was asked just now; or why it gave none. */
export type AskedSide =
  | { readonly answer: Answer; readonly milliseconds: number | undefined }
  | { readonly fault: string };

const answerBytesMax = 16 * 1024 * 1024;

/** @throws Error for a URL that is more or less than an origin. */
export function openSide(role: Side['role'], address: string): Side {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '') {
    throw new Error(`${role} is ${JSON.stringify(address)}; it has to be scheme, host and port: http://127.0.0.1:4000`);
  }
  // Idle connections do not keep the process alive, so there is nothing to close.
  return { role, url, pool: new Pool(url.origin) };
}

/** One request, sent once: no redirect is followed, and the body stays as it was sent. Never throws. */
export async function askSide(side: Side, request: SideRequest, timeoutMs: number): Promise<AskedSide> {
  const began = performance.now();
  try {
    const { statusCode, headers, body } = await side.pool.request({
      method: request.method as Dispatcher.HttpMethod,
      path: request.target,
      headers: Object.entries(request.headers ?? {}).flatMap(([name, value]) =>
        typeof value === 'string' ? [name, value] : value.flatMap((one) => [name, one]),
      ),
      body: request.body ?? null,
      responseHeaders: 'raw',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const milliseconds = performance.now() - began;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let truncated = false;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > answerBytesMax) {
        truncated = true;
        break;
      }
      chunks.push(chunk);
    }
    const rawHeaders = (headers as unknown as readonly (string | Buffer)[]).map(String);
    return { answer: { status: statusCode, rawHeaders, body: Buffer.concat(chunks), truncated }, milliseconds };
  } catch (error) {
    const { code, name, message } = error as NodeJS.ErrnoException;
    const why = name === 'TimeoutError' ? `no whole answer within ${timeoutMs} ms` : (code ?? message);
    return { fault: `the ${side.role} at ${side.url.origin} did not answer: ${why}` };
  }
}

/** The comparison of a pair of which one is missing. */
export function notAnswered(error: string): Comparison {
  return Object.freeze({ outcome: 'error', differences: [], differenceCount: 0, ignored: [], ignoredCount: 0, error });
}
