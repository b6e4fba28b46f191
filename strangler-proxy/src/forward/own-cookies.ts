import type { Fields } from './head-additions.ts';
import type { Upstream } from './upstreams.ts';

/**
 * Cookies of a service live under names of their own at the client: `sid` of the service `catalog` is kept there as
 * `strangler.catalog.sid`. A browser knows the two sides as one site; under one name, whatever the service sets would take
 * the place of the monolith's, and the visitor's session with it.
 */
const SPACE = 'strangler.';

/** What browsers hold the sender to by the beginning of the name stays there (RFC 6265bis section 4.1.3). */
const PREFIXED = /^(__Host-|__Secure-)?(.*)$/is;

const SPACED = /^(__Host-|__Secure-)?strangler\.([a-z0-9-]+)\.(.+)$/i;

/** The fields of a request as this upstream gets them: with its own cookies under their own names, and who is asking. */
export function fieldsFor(upstream: Upstream, fields: readonly string[], identity: Fields): string[] {
  if (!upstream.ownCookies) return identity.length === 0 ? (fields as string[]) : [...fields, ...identity];
  const translated = [...fields, ...identity];
  let length = 0;
  for (let i = 0; i < translated.length; i += 2) {
    const name = translated[i] as string;
    let value = translated[i + 1] as string;
    if (name.length === 6 && name.toLowerCase() === 'cookie' && value.includes(SPACE)) {
      value = cookiesTo(upstream.name, value);
      if (value === '') continue;
    }
    translated[length++] = name;
    translated[length++] = value;
  }
  translated.length = length;
  return translated;
}

/**
 * The Cookie field for one service: its own under their names, which hide the monolith's of the same name; the monolith's,
 * as a service may understand its session; and none of another service.
 */
export function cookiesTo(service: string, field: string): string {
  const pairs = field.split(';').map((pair) => pair.trim());
  const own = new Map<string, string>();
  const others: string[] = [];
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const spaced = equals < 0 ? null : SPACED.exec(pair.slice(0, equals));
    if (spaced === null) others.push(pair);
    else if (spaced[2] === service) own.set(`${spaced[1] ?? ''}${spaced[3]}`, pair.slice(equals + 1));
  }
  const visible = others.filter((pair) => !own.has(pair.slice(0, Math.max(0, pair.indexOf('=')))));
  return [...visible, ...[...own].map(([name, value]) => `${name}=${value}`)].join('; ');
}

/** The value of a service's Set-Cookie as the client gets it; undefined for a cookie without a name, which has no place. */
export function cookieFrom(service: string, value: string): string | undefined {
  const end = value.indexOf(';');
  const pair = end < 0 ? value : value.slice(0, end);
  const equals = pair.indexOf('=');
  const [, prefix = '', name = ''] = PREFIXED.exec(pair.slice(0, Math.max(0, equals)).trim()) ?? [];
  if (name === '') return undefined;
  return `${prefix}${SPACE}${service}.${name}${value.slice(equals)}`;
}
