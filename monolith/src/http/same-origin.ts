import type { Request, RequestHandler } from 'express';
import { Refusal } from './refusal.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses writes that another site's page has asked the browser to send. With the cookie's SameSite=Lax this is the
 * shop's protection against cross-site request forgery. What sends neither header is not a browser.
 */
export const sameOriginWrites: RequestHandler = (request, _response, next) => {
  next(SAFE.has(request.method) || isSameOrigin(request) ? undefined : new Refusal(403, { error: 'ORIGIN' }));
};

function isSameOrigin(request: Request): boolean {
  const site = request.get('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const origin = request.get('origin');
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === request.host);
}
