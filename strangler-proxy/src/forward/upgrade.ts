import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { isUpstreamsFault, PROXY_NAME, type ProblemCode, upstreamProblem } from '../errors.ts';
import type { FailureCode } from '../metrics.ts';
import { admit, leave } from './admission.ts';
import type { Instance } from './instances.ts';
import { cookieFrom } from './own-cookies.ts';
import type { RequestHead } from './request-head.ts';
import { sendProblem } from './send-problem.ts';
import type { Upstream, Upstreams } from './upstreams.ts';

/** One upgrade, and where it goes. */
export interface UpgradePlan {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** The first bytes after the request's head. */
  readonly first: Buffer;
  readonly target: string;
  readonly head: RequestHead;
  readonly upstream: Upstream;
  readonly servedBy: boolean;
  readonly setCookie: string | undefined;
  /** Called once, when the upstream has agreed or refused, or failed. */
  ended(end: UpgradeEnd): void;
}

/** How an upgrade was answered. */
export interface UpgradeEnd {
  readonly status: number;
  readonly failure: FailureCode | undefined;
}

/** Carries WebSockets. */
export interface Upgrades {
  start(plan: UpgradePlan): void;
  /** Ends every connection at once. */
  destroy(): void;
}

/** How long an upstream may take to agree to an upgrade. */
const AGREE_TIMEOUT_MS = 10_000;

/**
 * Only WebSocket is upgraded to (RFC 6455). Anything else that a client offers, `h2c` above all, it offers: the request
 * is served as it is (RFC 9110 section 7.8).
 */
export function isWebSocket(request: IncomingMessage): boolean {
  return request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** http-proxy-middleware carries an upgraded connection; what decides and what is sent are the same as for requests. */
export function createUpgrades(upstreams: Upstreams): Upgrades {
  const underWay = new WeakMap<IncomingMessage, UpgradePlan>();
  const open = new Set<Socket>();
  const instances = upstreams.names.flatMap((name) => upstreams.get(name).instances);
  const carriers = new Map(instances.map((instance) => [instance, carrierTo(instance)]));

  return {
    start(plan) {
      const { request, socket, first, upstream, target } = plan;
      const instance = admit(upstream, false);
      if (typeof instance === 'string') {
        const { statusCode } = refuseUpgrade(request, socket, instance, plan);
        plan.ended({ status: statusCode, failure: instance });
        return;
      }
      let ended = false;
      underWay.set(request, {
        ...plan,
        ended(end) {
          if (ended) return;
          ended = true;
          judge(instance, end);
          plan.ended(end);
        },
      });
      open.add(socket);
      socket.once('close', () => {
        leave(upstream, instance);
        open.delete(socket);
      });
      request.url = target;
      request.headers = handshakeFields(plan.head);
      carriers.get(instance)?.upgrade(request, socket, first);
    },
    destroy() {
      for (const socket of open) socket.destroy();
    },
  };

  function carrierTo({ origin }: Instance) {
    return createProxyMiddleware({
      target: origin,
      upgradeTimeout: AGREE_TIMEOUT_MS,
      on: {
        proxyReqWs(agreeing, request, socket) {
          const plan = underWay.get(request);
          if (plan === undefined) return;
          agreeing.once('response', ({ statusCode = 502 }) => plan.ended({ status: statusCode, failure: undefined }));
          // Runs before the carrier's own listener, which sends these fields to the client.
          agreeing.once('upgrade', (answer, upstreamSocket) => {
            addFields(answer, plan);
            plan.ended({ status: 101, failure: undefined });
            // Whichever side goes, the other is not kept waiting; what was already sent still arrives. A side that only
            // ends has gone too: half a WebSocket is of no use (RFC 6455 section 7.1.1).
            for (const gone of ['end', 'close']) {
              socket.once(gone, () => upstreamSocket.destroySoon());
              upstreamSocket.once(gone, () => socket.destroySoon());
            }
          });
        },
        error(error, request, client) {
          const plan = underWay.get(request);
          if (plan === undefined) return;
          const code = upstreamProblem(error);
          const known = code === 'proxy-fault' ? 'upstream-upgrade' : code;
          if (client instanceof ServerResponse || !client.writable || client.bytesWritten > 0) {
            plan.ended({ status: 499, failure: 'client-gone' });
            return;
          }
          refuseUpgrade(request, client, known, plan);
          plan.ended({ status: 502, failure: known });
        },
      },
    });
  }
}

function judge({ circuit }: Instance, { failure }: UpgradeEnd): void {
  if (failure === undefined) circuit.succeeded();
  else if (failure !== 'client-gone' && failure !== 'answer-cut' && isUpstreamsFault(failure)) circuit.failed();
  else circuit.left();
}

/** Answers an upgrade with a problem of ours, and closes the connection. */
export function refuseUpgrade(
  request: IncomingMessage,
  socket: Socket,
  code: ProblemCode,
  about: { readonly upstream?: Upstream; readonly head?: RequestHead; readonly servedBy: boolean },
): ServerResponse {
  const response = responseOn(request, socket);
  sendProblem(response, code, {
    servedBy: about.servedBy,
    ...(about.upstream === undefined ? {} : { upstream: about.upstream.name }),
    ...(about.head === undefined ? {} : { requestId: about.head.requestId }),
  });
  return response;
}

/** An ordinary answer to a request that Node has handed over as an upgrade; the connection closes after it. */
export function responseOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
  return response;
}

/** The head as Node's client takes it; several fields of one name become a list. */
function handshakeFields({ headers }: RequestHead): IncomingMessage['headers'] {
  const fields: Record<string, string | string[]> = { connection: 'Upgrade', upgrade: 'websocket' };
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    const before = fields[name];
    fields[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return fields;
}

function addFields(answer: IncomingMessage, { upstream, servedBy, setCookie }: UpgradePlan): void {
  answer.headers.via = answer.headers.via === undefined ? viaUs : `${answer.headers.via}, ${viaUs}`;
  if (servedBy) answer.headers['x-served-by'] = upstream.name;
  const cookies = answer.headers['set-cookie'];
  if (cookies !== undefined && upstream.ownCookies) {
    answer.headers['set-cookie'] = cookies.flatMap((cookie) => cookieFrom(upstream.name, cookie) ?? []);
  }
  if (setCookie !== undefined) answer.headers['set-cookie'] = [...(answer.headers['set-cookie'] ?? []), setCookie];
}

const viaUs = `1.1 ${PROXY_NAME}`;
