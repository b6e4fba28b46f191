import type { RequestHandler } from 'express';
import type { Logger } from 'pino';

/** One line per answer. Neither cookies nor bodies nor query strings: they hold what is nobody's business. */
export function requestLog(log: Logger): RequestHandler {
  return (request, response, next) => {
    const start = performance.now();
    response.on('close', () => {
      const path = request.originalUrl.split('?', 1)[0];
      const duration_ms = Math.round((performance.now() - start) * 10) / 10;
      const whole = response.writableFinished ? {} : { aborted: true };
      log.info({ method: request.method, path, status: response.statusCode, duration_ms, ...whole }, 'request');
    });
    next();
  };
}
