import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { isTraceparent, traceId } from '../forward/trace.ts';

/** Makes spans of requests. Where there is none, a request pays for one comparison. */
export interface Tracing {
  /** Begins the span of a request that goes on; writes the span that the upstream continues into `headers`. */
  begin(request: TracedRequest): RequestTrace;
  /** A request that the proxy answered itself. */
  refused(request: Pick<TracedRequest, 'method' | 'path' | 'template' | 'route'>, status: number, code: string): void;
}

/** What a span says of a request. */
export interface TracedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** `/api/products/:id`; undefined: no route is declared. */
  readonly template: string | undefined;
  /** `catalog.product`, or `undeclared`. */
  readonly route: string;
  readonly upstream: string;
  readonly side: string;
  readonly why: string;
  /** As the client sent it. */
  readonly givenTraceparent: unknown;
  /** What goes upstream, names and values in turn. */
  readonly headers: string[];
}

/** The spans of one request under way. */
export interface RequestTrace {
  /** The client's own; else that of the trace. */
  readonly requestId: string;
  /** The chosen upstream failed; another one is asked now. */
  fellBack(cause: string, to: string): void;
  /** Begins the span of a copy, beside the call that is answered. */
  shadow(candidate: string): ShadowSpan;
  ended(status: number, failure: string | undefined): void;
}

/** The span of one copy. */
export interface ShadowSpan {
  readonly traceparent: string;
  end(): void;
}

/** Spans by the semantic conventions for HTTP, of any tracer of OpenTelemetry; what is ours begins with `strangler.`. */
export function createTracing(tracer: Tracer): Tracing {
  return {
    begin(request) {
      const { method, headers, side, why, givenTraceparent } = request;
      const span = tracer.startSpan(
        nameOf(request),
        {
          kind: SpanKind.SERVER,
          attributes: { ...attributesOf(request), 'strangler.side': side, 'strangler.why': why },
        },
        parentOf(givenTraceparent),
      );
      const within = trace.setSpan(ROOT_CONTEXT, span);
      const ask = (upstream: string): Span => {
        const call = callOf(tracer, method, upstream, within);
        write(headers, traceparentOf(call));
        return call;
      };
      const requestId = identify(headers, span);
      let call = ask(request.upstream);
      let upstream = request.upstream;
      return {
        requestId,
        fellBack(cause, to) {
          call.setAttribute('error.type', cause).setStatus({ code: SpanStatusCode.ERROR }).end();
          span.setAttribute('strangler.fallback', cause);
          upstream = to;
          call = ask(to);
        },
        shadow(candidate) {
          const copy = callOf(tracer, method, candidate, within).setAttribute('strangler.shadow', true);
          return { traceparent: traceparentOf(copy), end: () => copy.end() };
        },
        ended(status, failure) {
          end(call, status, failure);
          span.setAttribute('strangler.upstream', upstream);
          end(span, status, failure);
        },
      };
    },
    refused(request, status, code) {
      const attributes = attributesOf(request);
      end(tracer.startSpan(nameOf(request), { kind: SpanKind.SERVER, attributes }, ROOT_CONTEXT), status, code);
    },
  };
}

function nameOf({ method, template }: Pick<TracedRequest, 'method' | 'template'>): string {
  return template === undefined ? method : `${method} ${template}`;
}

function attributesOf({
  method,
  path,
  template,
  route,
}: Pick<TracedRequest, 'method' | 'path' | 'template' | 'route'>) {
  const attributes = { 'http.request.method': method, 'url.path': path, 'strangler.route': route };
  return template === undefined ? attributes : { ...attributes, 'http.route': template };
}

function callOf(tracer: Tracer, method: string, upstream: string, within: Context): Span {
  const attributes = { 'http.request.method': method, 'strangler.upstream': upstream };
  return tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes }, within);
}

function end(span: Span, status: number, failure: string | undefined): void {
  span.setAttribute('http.response.status_code', status);
  if (failure !== undefined) span.setAttribute('error.type', failure);
  // A 4xx is no error of a server (semantic conventions for HTTP spans).
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** The client's span, if it says one that is valid; a trace begins here otherwise (W3C Trace Context section 4.3). */
function parentOf(given: unknown): Context {
  if (!isTraceparent(given)) return ROOT_CONTEXT;
  const [, , spanId = '', flags = '00'] = given.split('-');
  // Of the flags, this version knows the first (section 3.2.2.5).
  const context = { traceId: traceId(given), spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, context);
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** A request whose client gave it no id has that of its trace, which is another one now. */
function identify(headers: string[], span: Span): string {
  const at = headers.lastIndexOf('X-Request-Id') + 1;
  const begun = traceId(headers[headers.lastIndexOf('traceparent') + 1] ?? '');
  if (headers[at] === begun) headers[at] = span.spanContext().traceId;
  return headers[at] ?? '';
}

/** `tracestate` stays as it came: whoever adds nothing to it changes nothing of it (section 3.5). */
function write(headers: string[], traceparent: string): void {
  const at = headers.lastIndexOf('traceparent');
  if (at >= 0) headers[at + 1] = traceparent;
}
