import type { IncomingMessage } from 'node:http';
import type { AccessLog } from './access-log.ts';
import type { Why } from './decide/decide.ts';
import type { ExchangeEnd } from './forward/exchange.ts';
import { MONOLITH, type Upstream } from './forward/upstreams.ts';
import type { FailureCode, FallbackCause, Metrics } from './metrics.ts';
import type { Tracing } from './tracing/tracing.ts';

/** What is known of a request by the time it ends; filled in on its way. */
export interface Recorded {
  readonly request: IncomingMessage;
  /** By `performance.now()`. */
  readonly startedAt: number;
  /** Name of the declared route. */
  readonly route: string;
  readonly path: string;
  why: Why;
  requestId: string;
  fallback: FallbackCause | undefined;
}

/** Log and metrics, from one place: they always agree. */
export interface Recorder {
  begin(request: IncomingMessage, route: string | undefined, target: string): Recorded;
  fellBack(recorded: Recorded, from: Upstream, cause: FallbackCause): void;
  ended(recorded: Recorded, end: ExchangeEnd): void;
  /** No upstream was asked. */
  refused(recorded: Recorded, status: number, code: FailureCode): void;
}

/** Route name of what no declaration matches. */
const UNDECLARED_ROUTE = 'undeclared';

/** Makes the recorder of one proxy. */
export function createRecorder(metrics: Metrics, accessLog: AccessLog, tracing: Tracing | undefined): Recorder {
  return {
    begin: (request, route, target) => ({
      request,
      startedAt: performance.now(),
      route: route ?? UNDECLARED_ROUTE,
      path: withoutQuery(target),
      why: 'refused',
      requestId: '',
      fallback: undefined,
    }),
    fellBack(recorded, from, cause) {
      recorded.fallback = cause;
      metrics.fellBack(recorded.route, from.name, cause);
    },
    ended: (recorded, { status, upstream, headAt, failure }) =>
      write(recorded, upstream.name, upstream.name === MONOLITH ? 'monolith' : 'service', status, headAt, failure),
    refused(recorded, status, code) {
      write(recorded, 'none', 'none', status, undefined, code);
      const { request, path, route } = recorded;
      tracing?.refused({ method: request.method ?? '', path, template: undefined, route }, status, code);
    },
  };

  function write(
    recorded: Recorded,
    upstream: string,
    side: 'monolith' | 'service' | 'none',
    status: number,
    headAt: number | undefined,
    failure: FailureCode | undefined,
  ): void {
    const { request, startedAt, route, path, why, requestId, fallback } = recorded;
    const durationMs = performance.now() - startedAt;
    metrics.passage(route, { upstream, side, why }).ended(status, durationMs / 1000);
    if (failure !== undefined) metrics.failed(failure);
    const upstreamMs = headAt === undefined ? undefined : headAt - startedAt;
    const method = request.method ?? '';
    accessLog.write({
      requestId,
      method,
      path,
      route,
      upstream,
      side,
      why,
      status,
      durationMs,
      upstreamMs,
      fallback,
      failure,
    });
  }
}

function withoutQuery(target: string): string {
  const question = target.indexOf('?');
  return question < 0 ? target : target.slice(0, question);
}
