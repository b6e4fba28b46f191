import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { NextFunction, Request, Response } from 'express';

/** Decides who may read the admin pages. */
export interface Access {
  /** Whether readers sign in: a token is set. */
  readonly isTokenSet: boolean;
  /** Express middleware before everything that is not for everyone. */
  guard(request: Request, response: Response, next: NextFunction): void;
  /** The `Set-Cookie` of a reader who gave the right token; undefined for a wrong one. */
  signIn(token: string, isSecure: boolean): string | undefined;
  /** The `Set-Cookie` that takes it back. */
  readonly signOut: string;
}

const cookieName = 'strangler_admin';
const signedInSeconds = 12 * 60 * 60;

/**
 * With a token, readers give it as `Authorization: Bearer` (programs) or on the sign-in page (people, who get a signed
 * cookie for twelve hours; another token ends them all). Without one, only this machine may read: the connection has
 * to come from a loopback address, and `Host` has to name one, or a page elsewhere could read along by DNS rebinding.
 */
export function createAccess(token: string | undefined): Access {
  const sign = (expires: string) =>
    createHmac('sha256', token ?? '')
      .update(`${cookieName} ${expires}`)
      .digest('base64url');

  function isSignedIn(request: Request): boolean {
    const [, bearer] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
    if (bearer !== undefined) {
      return isSame(bearer, token ?? '');
    }
    const [, expires = '', signature = ''] =
      /(?:^|; *)strangler_admin=(\d{1,16})\.([\w-]+)/.exec(request.headers.cookie ?? '') ?? [];
    return isSame(signature, sign(expires)) && Number(expires) > Date.now();
  }

  return {
    isTokenSet: token !== undefined,
    guard(request, response, next) {
      if (token === undefined) {
        if (isLoopback(request.socket.remoteAddress ?? '') && isLoopback(hostName(request.headers.host ?? ''))) {
          next();
        } else {
          refuse(response, 403, 'admin-token-missing', 'Set STRANGLER_ADMIN_TOKEN to read this from another machine');
        }
      } else if (isSignedIn(request)) {
        next();
      } else if (request.method === 'GET' && request.path === '/' && request.accepts('html')) {
        response.redirect(303, '/login');
      } else {
        response.setHeader('WWW-Authenticate', 'Bearer');
        refuse(
          response,
          401,
          'admin-token-wrong',
          'Give the token of STRANGLER_ADMIN_TOKEN: Authorization: Bearer ...',
        );
      }
    },
    signIn(given, isSecure) {
      if (token === undefined || !isSame(given, token)) {
        return undefined;
      }
      const expires = String(Date.now() + signedInSeconds * 1000);
      return cookie(`${expires}.${sign(expires)}`, signedInSeconds, isSecure);
    },
    signOut: cookie('', 0, false),
  };
}

/** An error as problem details (RFC 9457). */
export function refuse(response: Response, status: number, code: string, title: string): void {
  response.status(status).type('application/problem+json');
  response.send(JSON.stringify({ type: 'about:blank', title, status, code }));
}

function cookie(value: string, seconds: number, isSecure: boolean): string {
  const secure = isSecure ? '; Secure' : '';
  return `${cookieName}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

/** Compares digests, as texts of different lengths would take different times. */
function isSame(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function isLoopback(name: string): boolean {
  const address = name.replace(/^::ffff:/, '');
  return name === 'localhost' || name === '::1' || (isIPv4(address) && address.startsWith('127.'));
}
