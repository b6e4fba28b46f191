import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { FORCEABLE } from '../cutover/prepare.ts';
import { type ControlPlane, NotKnown } from './control-plane.ts';
import { proxyReport } from './proxies.ts';
import { RequestBusy } from './requests.ts';

/** Who may ask what. */
export interface ApiOptions {
  readonly token: string;
  readonly proxyToken: string;
  /** Undefined while another instance leads. */
  readonly plane: () => ControlPlane | undefined;
  /** Why this instance cannot lead; empty while it could. */
  readonly notReady: () => readonly string[];
  readonly onFault: (error: Error) => void;
}

const BODY_BYTES_MAX = 1024 * 1024;
/** How long a proxy that asks for orders waits for news. */
const NEWS_MS_MAX = 5_000;

const newRequest = z.object({
  capability: z.string(),
  kind: z.enum(['cutover', 'rollback']),
  who: z.string().min(1).max(200),
  why: z.string().max(1_000),
  forced: z.array(z.enum(FORCEABLE as [string, ...string[]])).default([]),
  dry_run: z.boolean().default(false),
});
const act = z.object({ who: z.string().min(1).max(200), why: z.string().max(1_000) });

/** An answer that is not 200. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * The HTTP interface: `/livez`, `/readyz` and `/metrics` for everyone, `/v1/proxies/...` for proxies, the rest of `/v1`
 * for commands.
 */
export function createApi(options: ApiOptions): Server {
  const isProxy = tokenCheck(options.proxyToken);
  const isOperator = tokenCheck(options.token);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const url = new URL(request.url ?? '/', 'http://control');
    const [, version, kind, name = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const call = `${request.method} ${url.pathname}`;
    if (call === 'GET /livez') return { status: 'live' };
    if (call === 'GET /readyz') return ready(response);
    if (call === 'GET /metrics') return options.plane()?.metrics() ?? '# another instance leads\n';
    if (version !== 'v1') throw new Refusal(404, 'not-found', 'There is nothing here');

    const mayAsk =
      kind === 'proxies' && request.method !== 'PUT' ? isProxy(request) || isOperator(request) : isOperator(request);
    if (!mayAsk) throw new Refusal(401, 'token-wrong', 'Give the token: Authorization: Bearer ...');
    const plane = options.plane();
    if (plane === undefined) throw new Refusal(503, 'not-leading', 'Another instance leads, or none does yet');

    if (kind === 'proxies') {
      if (request.method === 'GET' && rest[0] === 'orders')
        return orders(plane, Number(url.searchParams.get('after')), response);
      if (request.method === 'POST')
        return plane.proxies.report(name, await read(request, proxyReport)).then(() => ({}));
      if (request.method === 'DELETE') return plane.proxies.gone(name).then(() => ({}));
    }
    const query = url.searchParams;
    switch (`${request.method} ${kind}`) {
      case 'GET status':
        return plane.status();
      case 'GET log':
        return plane.log({ capability: query.get('capability'), limit: Number(query.get('limit') ?? 50) });
      case 'POST requests': {
        const asked = await read(request, newRequest);
        if (asked.dry_run) return { checks: await plane.rehearse(asked.capability, asked.kind) };
        return { id: await plane.ask({ ...asked, through: 'command' }) };
      }
      case 'GET requests':
        return plane.request(name);
      case 'POST withdraw':
        return plane.withdraw(name, await read(request, act)).then(() => ({}));
      case 'POST verify':
        return plane.verify(name);
      case 'POST retire':
        return plane.retire(name, await read(request, act));
      default:
        throw new Refusal(404, 'not-found', 'There is nothing here');
    }
  }

  function ready(response: ServerResponse): object {
    const reasons = options.notReady();
    const leads = options.plane() !== undefined;
    if (reasons.length > 0) response.statusCode = 503;
    return { status: reasons.length > 0 ? 'not ready' : 'ready', role: leads ? 'leads' : 'stands by', reasons };
  }

  return createServer((request, response) => {
    response.setHeader('Cache-Control', 'no-store');
    answer(request, response)
      .then((body) => {
        const isText = typeof body === 'string';
        response.setHeader('Content-Type', isText ? 'text/plain; version=0.0.4' : 'application/json');
        response.end(isText ? body : JSON.stringify(body));
      })
      .catch((error: Error) => {
        const { status, code } = refusalOf(error);
        if (status === 500) options.onFault(error);
        response.statusCode = status;
        response.setHeader('Content-Type', 'application/problem+json');
        response.end(JSON.stringify({ type: 'about:blank', title: error.message, status, code }));
      });
  });
}

async function orders(plane: ControlPlane, after: number, response: ServerResponse): Promise<object> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  await plane.proxies.newer(after, AbortSignal.any([gone.signal, plane.signal, AbortSignal.timeout(NEWS_MS_MAX)]));
  return plane.proxies.orders();
}

function refusalOf(error: Error): { status: number; code: string } {
  if (error instanceof Refusal) return error;
  if (error instanceof NotKnown) return { status: 404, code: 'not-known' };
  if (error instanceof RequestBusy) return { status: 409, code: 'busy' };
  if (error instanceof z.ZodError) return { status: 400, code: 'malformed' };
  return { status: 500, code: 'fault' };
}

async function read<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Refusal(413, 'too-large', 'That is too much');
    chunks.push(chunk);
  }
  let content: unknown;
  try {
    content = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refusal(400, 'malformed', 'That is no JSON');
  }
  return schema.parse(content);
}

/** Compares digests, as texts of different lengths would take different times. */
function tokenCheck(token: string): (request: IncomingMessage) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const right = digest(token);
  return ({ headers }) => {
    const [, given = ''] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
    return timingSafeEqual(digest(given), right);
  };
}
