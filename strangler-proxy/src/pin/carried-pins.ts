import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { capabilityOf, type Pin, type PinSigner } from './pin-token.ts';

/** Cookies that carry pins begin with this; the rest of the name is random. */
export const PIN_COOKIE = 'strangler_pin_';
/** Carries a pin to and from clients that keep no cookies. */
export const PIN_HEADER = 'X-Strangler-Pin';

/** A pin as a request carries it. */
export interface CarriedPin {
  /** Undefined for one in the header. */
  readonly cookie: string | undefined;
  /** Undefined: nobody vouches for it. */
  readonly pin: Pin | undefined;
}

/**
 * A cookie has a name of its own for each pin. Under one name, the answer of a read that ends a pin, or of a slow first
 * write, could come after the answer of a second write and take its pin away.
 */
const COOKIES = new RegExp(`(?:^|;)[ \\t]*(${PIN_COOKIE}[\\w-]{8})=([\\w.-]{1,160})(?=[ \\t]*(?:;|$))`, 'g');
const HEADER_TOKENS = /[\w.-]{1,160}/g;
const FIELD = PIN_HEADER.toLowerCase();

/** More than a client has writes under way at once. Those beyond are not verified: nobody vouches for them. */
const VERIFIED_MAX = 32;
/** A pin ends long before; this is for those that nobody asks about again. */
const LIFE_SECONDS = 24 * 60 * 60;

/** Whether a request may carry a pin at all: all that one without pays. */
export function carriesPins({ headers }: IncomingMessage): boolean {
  return headers.cookie?.includes(PIN_COOKIE) === true || headers[FIELD] !== undefined;
}

/** The pins of one capability. */
export function carriedPins({ headers }: IncomingMessage, capability: string, signer: PinSigner): CarriedPin[] {
  const carried: CarriedPin[] = [];
  const add = (token: string, cookie: string | undefined) => {
    if (capabilityOf(token) !== capability) return;
    carried.push({ cookie, pin: carried.length < VERIFIED_MAX ? signer.read(token) : undefined });
  };
  for (const [, cookie, token = ''] of headers.cookie?.matchAll(COOKIES) ?? []) add(token, cookie);
  // Several fields of one name are one, with commas (RFC 9110 section 5.3).
  for (const [token] of String(headers[FIELD] ?? '').matchAll(HEADER_TOKENS)) add(token, undefined);
  return carried;
}

/** The fields of an answer that give a client its pin. */
export function givePin(token: string, secure: boolean): string[] {
  const name = PIN_COOKIE + randomBytes(6).toString('base64url');
  return ['Set-Cookie', `${name}=${token}; Max-Age=${LIFE_SECONDS}; ${attributes(secure)}`, PIN_HEADER, token];
}

/** The fields of an answer that take pins back. */
export function takeBack(carried: readonly CarriedPin[], secure: boolean): string[] {
  return carried.flatMap(({ cookie }) =>
    cookie === undefined ? [] : ['Set-Cookie', `${cookie}=; Max-Age=0; ${attributes(secure)}`],
  );
}

function attributes(secure: boolean): string {
  return `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
}
