import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Logger } from 'pino';
import { isDatabaseAway } from '../database.ts';
import { Refusal } from './refusal.ts';

/** What became of a request that threw: an answer that was meant, or a fault that is logged. */
export function refusalFor(error: unknown, log: Logger): Refusal {
  if (error instanceof Refusal) return error;
  if (isDatabaseAway(error)) {
    log.warn({ err: error }, 'the database is away');
    return new Refusal(503, { error: 'UNAVAILABLE' });
  }
  // What Express and its parsers say of a request that they cannot read.
  const { status } = error as { status?: unknown };
  if (typeof status === 'number' && status >= 400 && status < 500) return new Refusal(status, { error: 'BAD_REQUEST' });
  log.error({ err: error }, 'a request failed');
  return new Refusal(500, { error: 'INTERNAL' });
}

export const apiNotFound: RequestHandler = (_request, _response, next) => {
  next(new Refusal(404, { error: 'NOT_FOUND' }));
};

/** Answers what the JSON API's handlers threw. */
export function apiErrors(log: Logger): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) return next(error);
    const { status, body } = refusalFor(error, log);
    if (status === 503) response.set('Retry-After', '1');
    response.status(status).json(body);
  };
}
