/** A request target as an upstream takes it. */
export interface RequestTarget {
  /** Origin form, byte for byte as the client sent it: `/api/products/7?x=%2F`. */
  readonly target: string;
  /** The authority of an absolute-form target; it replaces the Host field (RFC 9112 section 3.2.2). */
  readonly authority: string | undefined;
}

/** Reads the request target; undefined for the forms that a reverse proxy cannot pass on (`*`, `host:443`, garbage). */
export function readTarget(url: string): RequestTarget | undefined {
  if (url.charCodeAt(0) === SLASH) return { target: url, authority: undefined };
  const absolute = ABSOLUTE.exec(url);
  if (absolute === null) return undefined;
  const [, authority, rest = ''] = absolute;
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority };
}

const SLASH = 0x2f;
const ABSOLUTE = /^https?:\/\/([^/?#@]+)([/?].*)?$/i;
