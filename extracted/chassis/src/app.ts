import { randomUUID } from 'node:crypto';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { answerProblem, type ContractAnswers, send } from './answer.ts';
import { isDatabaseUnavailable } from './database.ts';
import type { Readiness } from './health.ts';
import type { VerifyIdentity } from './identity.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { ApiDocument } from './openapi.ts';
import { mountOperations, type Operation, problemOfExpress } from './operations.ts';
import { Problem } from './problem.ts';
import { readTraceContext } from './trace-context.ts';

/** The parts that a service's HTTP application is made of. */
export interface AppParts {
  readonly document: ApiDocument;
  readonly operations: Readonly<Record<string, Operation>>;
  /** Headers that the service's contract puts on every answer of an operation. */
  readonly contractHeaders: Readonly<Record<string, string>>;
  readonly contractAnswers: ContractAnswers;
  readonly verifyIdentity: VerifyIdentity;
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A service's HTTP application, as the line that a request passes. */
export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(observe(parts.log, parts.metrics));
  mountOperational(app, parts);
  app.use(withHeaders(parts.contractHeaders));
  mountOperations(app, parts.document, parts.operations, parts.verifyIdentity);
  app.use(refuseUnknown);
  app.use(answerErrors(parts.contractAnswers));
  return app;
}

const OPERATIONAL = new Set(['/livez', '/readyz', '/metrics', '/openapi.json']);
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** Gives the request its id, its trace and a logger that names both; logs and measures it once it has ended. */
function observe(log: Logger, metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const started = performance.now();
    const asked = request.get('x-request-id');
    const requestId = asked !== undefined && REQUEST_ID.test(asked) ? asked : randomUUID();
    const trace = readTraceContext(request.get('traceparent'));
    const requestLog = log.child({ request_id: requestId, trace_id: trace.traceId });
    Object.assign(response.locals, { requestId, log: requestLog });
    // The path without its query, which may hold what a person typed.
    const { method, path } = request;
    response.once('close', () => {
      const durationMs = performance.now() - started;
      const route: string | undefined = response.locals.route;
      // 499: the client left before its answer; the number is nginx's.
      const status = response.writableFinished ? response.statusCode : 499;
      metrics.observe(method, route, status, durationMs / 1000);
      // Probes come every few seconds, and say nothing as long as they succeed.
      const level = OPERATIONAL.has(route ?? '') && status < 400 ? 'debug' : 'info';
      requestLog[level]({ method, path, route, status, duration_ms: Number(durationMs.toFixed(2)) }, 'answered');
    });
    next();
  };
}

function mountOperational(app: Express, { readiness, metrics, document }: AppParts): void {
  const operational = (path: string, handler: RequestHandler) =>
    app.get(path, (request, response, next) => {
      response.locals.route = path;
      return handler(request, response, next);
    });
  operational('/livez', (_request, response) => void response.json({ live: true }));
  operational('/readyz', async (_request, response) => {
    const state = await readiness();
    response.status(state.ready ? 200 : 503).json(state);
  });
  operational('/metrics', async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  operational('/openapi.json', (_request, response) => void response.json(document.json));
}

function withHeaders(headers: Readonly<Record<string, string>>): RequestHandler {
  return (_request, response, next) => {
    response.set(headers);
    next();
  };
}

const refuseUnknown: RequestHandler = () => {
  throw new Problem('unknown-route');
};

/** The one place where an error becomes an answer. Express knows an error handler by its four parameters. */
function answerErrors(contract: ContractAnswers): ErrorRequestHandler {
  return (error, _request, response, _next) => {
    const problem = asProblem(error);
    const log: Logger = response.locals.log;
    const { code, cause } = problem;
    if (code === 'internal-error') log.error({ code, err: cause ?? problem }, 'failed');
    else if (code.endsWith('-unavailable')) log.warn({ code, reason: (cause as Error).message }, 'refused for now');
    if (response.headersSent) response.destroy();
    else send(response, answerProblem(problem, contract, response.locals.requestId));
  };
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isDatabaseUnavailable(error)) return new Problem('database-unavailable', { cause: error });
  return problemOfExpress(error) ?? new Problem('internal-error', { cause: error });
}
