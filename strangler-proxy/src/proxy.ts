import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Migration } from 'strangler-migrations/define';
import { type AccessLog, NO_ACCESS_LOG } from './access-log.ts';
import type { AdminRoute } from './admin/index.ts';
import { type Choice, type ChoosableRoute, choosable, createChooser, follow } from './decide/choose.ts';
import type { Decision } from './decide/decide.ts';
import { type Flags, NO_FLAGS } from './decide/flags.ts';
import { createHold, type Hold } from './decide/hold.ts';
import { MONOLITH_OWNS_ALL, type Ownership } from './decide/ownership.ts';
import type { ProblemCode } from './errors.ts';
import { CLIENT_GONE_STATUS, forward } from './forward/exchange.ts';
import { NO_FIELDS } from './forward/head-additions.ts';
import { fieldsFor } from './forward/own-cookies.ts';
import { peerReader } from './forward/peer.ts';
import { MALFORMED } from './forward/request-body.ts';
import { type RequestHead, requestHead } from './forward/request-head.ts';
import { sendProblem } from './forward/send-problem.ts';
import { createUpgrades, isWebSocket, refuseUpgrade, responseOn, type UpgradeEnd } from './forward/upgrade.ts';
import { createUpstreams, MONOLITH, type UpstreamOptions, type Upstreams } from './forward/upstreams.ts';
import type { Identity, Said } from './identity/index.ts';
import { answerForUs, isForUs } from './match/for-us.ts';
import { readTarget } from './match/request-target.ts';
import { compileRoutes, declaredRoutes } from './match/route-table.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { Pins } from './pin/index.ts';
import { createRecorder, type Recorded } from './record.ts';
import type { Recording } from './recording/recording.ts';
import { routeState } from './route-state.ts';
import { joinTaps } from './shadow/control-tap.ts';
import type { ControlTap, Shadow } from './shadow/index.ts';
import type { RequestTrace, Tracing } from './tracing/tracing.ts';

/** What {@link createProxy} takes. */
export interface ProxyOptions {
  readonly migrations: readonly Migration[];
  /** Where `monolith` and every service of the migrations are; or upstreams that were made before. */
  readonly upstreams: Readonly<Record<string, string | UpstreamOptions>> | Upstreams;
  /** All off by default: then everything goes to the monolith. Whoever made them closes them. */
  readonly flags?: Flags;
  readonly ownership?: Ownership;
  /** Clients read what they wrote; none by default. Whoever made them closes them. */
  readonly pins?: Pins | undefined;
  /** Tells services who is asking; nobody does by default. */
  readonly identity?: Identity | undefined;
  /** Where writes wait while their capability changes hands; who follows the control plane makes it. */
  readonly hold?: Hold;
  /** Sends copies to the other side; none by default. Whoever made it closes it. */
  readonly shadow?: Shadow;
  /** Keeps requests and answers when it is asked to; none by default. */
  readonly recording?: Recording;
  readonly metrics?: Metrics;
  readonly accessLog?: AccessLog;
  /** Makes spans of OpenTelemetry; none by default. */
  readonly tracing?: Tracing | undefined;
  /** Whether answers carry `X-Served-By`. Default true. */
  readonly servedBy?: boolean;
  /** Addresses and networks whose `X-Forwarded-*` are believed; `loopback` is this machine. Default none. */
  readonly trustProxy?: readonly string[];
}

/** A strangler proxy: a request handler, to be mounted wherever Node serves HTTP. */
export interface StranglerProxy {
  /**
   * Serves a request; never calls a `next`. Nothing before it may read the body, so mount it before any body parser:
   * `app.use(proxy.handler)`, or `http.createServer(proxy.handler)`.
   */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  /** The same, for a client that waits for 100 (Continue): `server.on('checkContinue', proxy.continueHandler)`. */
  readonly continueHandler: (request: IncomingMessage, response: ServerResponse) => void;
  /** Serves WebSockets: `server.on('upgrade', proxy.upgrade)`. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly upstreams: Upstreams;
  readonly metrics: Metrics;
  /** Every declared route, and what the flags say about it now. */
  routes(): readonly AdminRoute[];
  /** Waits for requests under way, up to a deadline, then ends what is left, open WebSockets too. */
  close(deadlineMs?: number): Promise<void>;
}

/**
 * Makes a proxy. Each request passes match, decide, forward and shadow, in this order, below.
 *
 * @throws Error naming every fault at once: routes that collide, upstreams that are missing or no URL
 */
export function createProxy(options: ProxyOptions): StranglerProxy {
  const {
    flags = NO_FLAGS,
    shadow,
    recording,
    accessLog = NO_ACCESS_LOG,
    servedBy = true,
    ownership = MONOLITH_OWNS_ALL,
    hold = createHold(),
    identity,
    tracing,
  } = options;
  const upstreams = isMade(options.upstreams) ? options.upstreams : createUpstreams(options.upstreams);
  const metrics = options.metrics ?? createMetrics();
  requireUpstreams(options.migrations, upstreams);
  const choosables = declaredRoutes(options.migrations).map((route) => choosable(route, flags));
  const routes = compileRoutes(choosables);
  const choose = createChooser(choosables, flags, ownership, options.pins);
  const unfollow = flags.onChange(() => follow(choosables, flags));
  const peerOf = peerReader(options.trustProxy ?? []);
  const upgrades = createUpgrades(upstreams);
  const record = createRecorder(metrics, accessLog, tracing);
  const capabilities = options.migrations.map(({ capability }) => capability);
  metrics.watch({ upstreams, capabilities, ownership, hold, flagState: () => flags.status().state });

  function serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    if (isForUs(request) && isWellFormed(request)) {
      request.once(MALFORMED, () => sendProblem(response, 'request-malformed', { servedBy }));
      answerForUs(request, response);
      return;
    }
    const passed = matchAndDecide(request);
    const { recorded } = passed;
    if ('refusal' in passed) {
      sendProblem(response, passed.refusal, { servedBy });
      record.refused(recorded, response.statusCode, passed.refusal);
      return;
    }
    const { route } = passed;
    if (route === undefined || route.route.kind === 'read') {
      send(passed, request, response, expectsContinue);
      return;
    }
    const { capability } = route.migration;
    hold.pass({
      ...{ capability, request, response },
      go() {
        // The owner may be another one by now.
        const chosen = choose(route, request, peerOf(request.socket));
        send({ ...passed, ...chosen }, request, response, expectsContinue, hold.began(capability));
      },
      refuse(code) {
        sendProblem(response, code, { requestId: passed.head.requestId, servedBy });
        record.refused(recorded, response.statusCode, code);
      },
      left: () => record.refused(recorded, CLIENT_GONE_STATUS, 'client-gone'),
    });
  }

  /** Sends a request where it was decided that it goes. `over` is called when it has ended. */
  function send(
    passed: Passed,
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
    over: () => void = () => {},
  ): void {
    const said = whoAsks(passed, request);
    if (!(said instanceof Promise)) {
      sendAs(said, passed, request, response, expectsContinue, over);
      return;
    }
    void said.then((known) => {
      if (!response.destroyed) {
        sendAs(known, passed, request, response, expectsContinue, over);
        return;
      }
      over();
      record.refused(passed.recorded, CLIENT_GONE_STATUS, 'client-gone');
    });
  }

  /** What says to the chosen service who is asking; undefined: nobody can say. */
  function whoAsks({ decision, head }: Passed, request: IncomingMessage): Said | Promise<Said> {
    if (identity === undefined || decision.side === 'monolith') return NO_FIELDS;
    return identity.fieldsFor(request, head.headers, decision.upstream);
  }

  function sendAs(
    said: Said,
    passed: Passed,
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
    over: () => void,
  ): void {
    if (said === undefined) {
      const instead = withoutIdentity(passed);
      if (instead !== undefined) {
        record.fellBack(passed.recorded, upstreams.get(passed.decision.upstream), 'identity-unavailable');
        sendAs(NO_FIELDS, instead, request, response, expectsContinue, over);
        return;
      }
      sendProblem(response, 'identity-unavailable', { requestId: passed.head.requestId, servedBy });
      record.refused(passed.recorded, response.statusCode, 'identity-unavailable');
      over();
      return;
    }
    const { recorded, route, method, target, decision, setCookie, additions } = passed;
    const traced = beginTrace(passed, request);
    const head = traced === undefined ? passed.head : { ...passed.head, requestId: recorded.requestId };
    const exchange = forward({
      request,
      response,
      method,
      target,
      head,
      upstream: upstreams.get(decision.upstream),
      fallback: decision.fallback === undefined ? undefined : upstreams.get(decision.fallback),
      servedBy,
      setCookie,
      additions,
      identity: said,
      expectsContinue,
      fellBack(from, code) {
        record.fellBack(recorded, from, code);
        traced?.fellBack(code, decision.fallback ?? '');
      },
      ended(end) {
        over();
        if (decision.side === 'monolith' && method !== 'GET' && method !== 'HEAD') identity?.forget(request);
        record.ended(recorded, end);
        traced?.ended(end.status, end.failure);
      },
    });
    if (route === undefined || head.hasBody) return;
    const { headers } = head;
    let tap: ControlTap | undefined;
    if (decision.shadow !== undefined && shadow !== undefined) {
      const copied = decision.shadow;
      const identityOfCopy =
        identity === undefined || copied === MONOLITH ? said : identity.fieldsFor(request, headers, copied);
      const span = traced && (() => traced.shadow(copied));
      tap = shadow.start({
        ...{ ...route, ...rolesOf(decision, copied), method, target, headers },
        identity: identityOfCopy,
        span,
      });
    }
    if (recording?.isRunning) {
      const host = request.headers.host ?? '';
      const [capability, id] = [route.migration.capability, route.route.id];
      const asked = { capability, route: id, upstream: decision.upstream, method, host, target, headers };
      tap = joinTaps(tap, recording.tap(asked));
    }
    if (tap !== undefined) exchange.watch(tap);
  }

  function upgrade(request: IncomingMessage, socket: Socket, first: Buffer): void {
    socket.on('error', () => {});
    if (!isWebSocket(request)) {
      serve(request, responseOn(request, socket), false);
      return;
    }
    const passed = matchAndDecide(request);
    const { recorded } = passed;
    if ('refusal' in passed) {
      const { statusCode } = refuseUpgrade(request, socket, passed.refusal, { servedBy });
      record.refused(recorded, statusCode, passed.refusal);
      return;
    }
    const said = whoAsks(passed, request);
    if (said instanceof Promise) void said.then((known) => upgradeAs(known, passed, request, socket, first));
    else upgradeAs(said, passed, request, socket, first);
  }

  function upgradeAs(said: Said, passed: Passed, request: IncomingMessage, socket: Socket, first: Buffer): void {
    const { recorded, target, head, decision, setCookie } = passed;
    const upstream = upstreams.get(decision.upstream);
    if (said === undefined) {
      const { statusCode } = refuseUpgrade(request, socket, 'identity-unavailable', { upstream, head, servedBy });
      record.refused(recorded, statusCode, 'identity-unavailable');
      return;
    }
    const traced = beginTrace(passed, request);
    const ended = ({ status, failure }: UpgradeEnd) => {
      record.ended(recorded, { status, failure, upstream, headAt: undefined });
      traced?.ended(status, failure);
    };
    const known = { ...head, headers: fieldsFor(upstream, head.headers, said) };
    upgrades.start({ request, socket, first, target, head: known, upstream, servedBy, setCookie, ended });
  }

  function beginTrace(passed: Passed, request: IncomingMessage): RequestTrace | undefined {
    if (tracing === undefined) return undefined;
    const { recorded, route, method, head, decision } = passed;
    const traced = tracing.begin({
      ...{ method, path: recorded.path, template: route?.route.path, route: recorded.route },
      ...{ upstream: decision.upstream, side: decision.side, why: decision.why },
      ...{ givenTraceparent: request.headers.traceparent, headers: head.headers },
    });
    recorded.requestId = traced.requestId;
    return traced;
  }

  /** What is not is refused as any request is. */
  function isWellFormed(request: IncomingMessage): boolean {
    return typeof requestHead(request, peerOf(request.socket), undefined) !== 'string';
  }

  /** What requests and upgrades have in common: match, decide, and make the head that goes upstream. */
  function matchAndDecide(request: IncomingMessage): Passed | Refused {
    const { method = 'GET' } = request;
    const asked = readTarget(targetOf(request));
    const route = asked === undefined ? undefined : routes.match(method, asked.target);
    const recorded = record.begin(request, route?.name, asked?.target ?? '');
    if (asked === undefined) return { recorded, refusal: 'target-not-passed-on' };
    if (wasRead(request)) return { recorded, refusal: 'body-already-read' };
    const peer = peerOf(request.socket);
    const head = requestHead(request, peer, asked.authority);
    if (typeof head === 'string') return { recorded, refusal: head };
    const { decision, setCookie, additions } = choose(route, request, peer);
    recorded.why = decision.why;
    recorded.requestId = head.requestId;
    return { recorded, route, method, target: asked.target, head, decision, setCookie, additions };
  }

  return {
    handler: (request, response) => serve(request, response, false),
    continueHandler: (request, response) => serve(request, response, true),
    upgrade: (request, socket, head) => upgrade(request, socket as Socket, head),
    upstreams,
    metrics,
    routes: () => choosables.map((route) => routeState(route, flags, ownership, metrics)),
    async close(deadlineMs = 10_000) {
      const deadline = setTimeout(() => void upstreams.destroy(), deadlineMs);
      unfollow();
      upgrades.destroy();
      await upstreams.close();
      clearTimeout(deadline);
      accessLog.flush();
    },
  };
}

/** What the owner answers is right, whoever serves: only beside an owner who is another there is a fallback. */
function rolesOf({ upstream, fallback }: Decision, copied: string) {
  return fallback === undefined
    ? ({ control: upstream, candidate: copied, served: 'control' } as const)
    : ({ control: copied, candidate: upstream, served: 'candidate' } as const);
}

/** Where a read goes of which nobody can say whose it is: to the monolith, which knows by itself. Undefined: nowhere. */
function withoutIdentity(passed: Passed): Passed | undefined {
  const { decision, route } = passed;
  // What the client wrote may not be there yet.
  if (route?.route.kind !== 'read' || decision.why === 'pin') return undefined;
  const instead = { upstream: MONOLITH, side: 'monolith', fallback: undefined, shadow: undefined } as const;
  return { ...passed, decision: { ...decision, ...instead } };
}

/** A request that goes on. */
interface Passed extends Choice {
  readonly recorded: Recorded;
  readonly route: ChoosableRoute | undefined;
  readonly method: string;
  readonly target: string;
  readonly head: RequestHead;
}

/** A request that the proxy answers itself. */
interface Refused {
  readonly recorded: Recorded;
  readonly refusal: ProblemCode;
}

/** As the client sent it; Express cuts the path that it is mounted at from `url`. */
function targetOf(request: IncomingMessage & { originalUrl?: string }): string {
  return request.originalUrl ?? request.url ?? '';
}

/** A body parser before the proxy leaves nothing to pass on. */
function wasRead(request: IncomingMessage): boolean {
  return (
    request.readableDidRead && (request.headers['content-length'] ?? request.headers['transfer-encoding']) !== undefined
  );
}

function requireUpstreams(migrations: readonly Migration[], upstreams: Upstreams): void {
  const missing = migrations.filter(({ service }) => !upstreams.has(service));
  if (missing.length === 0) return;
  throw new Error(
    missing
      .map(({ capability, service }) => `upstream ${service} is missing: the migration ${capability} names it`)
      .join('\n'),
  );
}

function isMade(upstreams: ProxyOptions['upstreams']): upstreams is Upstreams {
  return typeof upstreams.get === 'function';
}
