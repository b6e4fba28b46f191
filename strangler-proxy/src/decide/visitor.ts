import { randomBytes } from 'node:crypto';

/** Carries the sticky key of a share: a random number, no personal data. */
export const VISITOR_COOKIE = 'strangler_visitor';

/** Who is asking, as far as a share needs to know. */
export interface Visitor {
  /** 128 random bits in base64url: what the flag's share is taken of. */
  readonly id: string;
  /** The `Set-Cookie` value that makes the next request the same visitor's; undefined if the client has the cookie. */
  readonly setCookie: string | undefined;
}

/** Browsers cap the life of a cookie at 400 days. */
const LIFE_SECONDS = 400 * 24 * 60 * 60;
const COOKIE = new RegExp(`(?:^|;)[ \\t]*${VISITOR_COOKIE}=([A-Za-z0-9_-]{22})[ \\t]*(?=;|$)`);

/**
 * Finds out who is asking, before any flag is evaluated: were the key fixed afterwards, the first answer would be a roll
 * of its own.
 *
 * @param cookies the request's Cookie field, all of them joined by `; `
 * @param secure whether the client's side of the connection is encrypted
 */
export function readVisitor(cookies: string | undefined, secure: boolean): Visitor {
  const known = cookies === undefined ? null : COOKIE.exec(cookies);
  if (known?.[1] !== undefined) return { id: known[1], setCookie: undefined };
  const id = randomBytes(16).toString('base64url');
  const attributes = `Path=/; Max-Age=${LIFE_SECONDS}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return { id, setCookie: `${VISITOR_COOKIE}=${id}; ${attributes}` };
}
