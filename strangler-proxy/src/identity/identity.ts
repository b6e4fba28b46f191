import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SignJWT } from 'jose';
import { Counter, type Registry } from 'prom-client';
import type { Claims, IdentityDeclaration } from 'strangler-migrations/define';
import { type Fields, NO_FIELDS } from '../forward/head-additions.ts';
import { MONOLITH, type Upstreams } from '../forward/upstreams.ts';
import type { Logger } from '../logger.ts';
import { askMonolith } from './ask-monolith.ts';
import type { IdentityKeys } from './identity-keys.ts';

/** Carries who is asking to a service. Nothing of this name is ever taken from a client. */
export const IDENTITY_HEADER = 'X-Strangler-Identity';

/** Tells services who is asking. */
export interface Identity {
  /**
   * The fields that say to this service whose session the request carries: none for a request without one, or with one that
   * the monolith does not know. Undefined: nobody can say. A promise, if the monolith has to be asked; it never rejects.
   *
   * @param headers of the request as an upstream gets it, in turn with their values
   */
  fieldsFor(request: IncomingMessage, headers: readonly string[], service: string): Said | Promise<Said>;
  /** The monolith has answered a request that may have opened or closed this session: what it said before is old. */
  forget(request: IncomingMessage): void;
}

/** The fields that a service gets; undefined: nobody can say. */
export type Said = Fields | undefined;

/** What {@link createIdentity} takes. */
export interface IdentityOptions {
  readonly declaration: IdentityDeclaration;
  readonly keys: IdentityKeys;
  readonly upstreams: Pick<Upstreams, 'get'>;
  /** Where the metrics are registered. */
  readonly registry: Registry;
  readonly logger: Logger;
  /** How long what the monolith said holds: so long at most a closed session goes on. Default 5 s. */
  readonly holdsMs?: number;
}

/** The claim `iss`. */
export const ISSUER = 'strangler-proxy';
/** Longer than any request waits for its service to look at it, shorter than anybody could make use of it. */
const TOKEN_LIFE_SECONDS = 60;
const HOLDS_MS = 5_000;
/** Shorter, as a session that is nobody's may become somebody's through another instance. */
const NOBODY_HOLDS_MS = 1_000;
const SESSIONS_MAX = 10_000;
const ASKS_MAX = 200;
const LOG_INTERVAL_MS = 60_000;

/** One session, and what is known of it. */
interface Known {
  readonly until: number;
  readonly claims: Claims | undefined;
  /** By service: each gets a token for itself alone (RFC 7519 section 4.1.3). */
  readonly fields: Map<string, Fields | Promise<Said>>;
}

/** Makes the identities of one proxy. */
export function createIdentity(options: IdentityOptions): Identity {
  const { declaration, keys, upstreams, logger, holdsMs = HOLDS_MS } = options;
  const sessionOf = sessionReader(declaration);
  /** By digest, oldest first: a session is a secret, and none is kept. */
  const known = new Map<string, Known>();
  const underWay = new Map<string, Promise<Known | undefined>>();
  let loggedAt = Number.NEGATIVE_INFINITY;
  const asks = new Counter({
    name: 'strangler_proxy_identity_asks_total',
    help: 'Times that the monolith was asked whose session a request to a service carries, by what it said',
    labelNames: ['outcome'],
    registers: [options.registry],
  });

  async function ask(session: string, headers: readonly string[]): Promise<Known | undefined> {
    try {
      if (underWay.size > ASKS_MAX) throw new Error(`the monolith is being asked ${ASKS_MAX} times already`);
      const askedAt = performance.now();
      const claims = await askMonolith(upstreams.get(MONOLITH), declaration, session, headers);
      asks.inc({ outcome: claims === undefined ? 'nobody' : 'somebody' });
      const until = askedAt + (claims === undefined ? Math.min(holdsMs, NOBODY_HOLDS_MS) : holdsMs);
      return { until, claims, fields: new Map() };
    } catch (error) {
      asks.inc({ outcome: 'unknown' });
      log(error);
      return undefined;
    }
  }

  function keep(digest: string, found: Known): void {
    known.delete(digest);
    known.set(digest, found);
    const [oldest] = known.keys();
    if (known.size > SESSIONS_MAX && oldest !== undefined) known.delete(oldest);
  }

  /** Never with the session. */
  function log(error: unknown): void {
    if (performance.now() - loggedAt < LOG_INTERVAL_MS) return;
    loggedAt = performance.now();
    logger.warn({ error: String(error) }, 'Nobody can say who is asking: reads go to the monolith, writes are refused');
  }

  /** Signed once for each service, as long as what was said holds. */
  function fieldsOf({ claims, fields }: Known, service: string): Said | Promise<Said> {
    if (claims === undefined) return NO_FIELDS;
    const ready = fields.get(service);
    if (ready !== undefined) return ready;
    const signing = sign(claims, service).then((said) => {
      if (said === undefined) fields.delete(service);
      else fields.set(service, said);
      return said;
    });
    fields.set(service, signing);
    return signing;
  }

  async function sign({ subject, ...others }: Claims, service: string): Promise<Said> {
    try {
      const { kid, algorithm, privateKey } = keys.signing();
      const token = await new SignJWT(others)
        .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
        .setSubject(subject)
        .setIssuer(ISSUER)
        .setAudience(service)
        .setIssuedAt()
        .setExpirationTime(`${TOKEN_LIFE_SECONDS}s`)
        .sign(privateKey);
      return [IDENTITY_HEADER, token];
    } catch (error) {
      log(error);
      return undefined;
    }
  }

  return {
    fieldsFor(request, headers, service) {
      const session = sessionOf(request);
      if (session === undefined) return NO_FIELDS;
      const digest = digestOf(session);
      const found = known.get(digest);
      if (found !== undefined && performance.now() < found.until) return fieldsOf(found, service);
      return (underWay.get(digest) ?? askAndKeep(digest, session, headers)).then((one) =>
        one === undefined ? undefined : fieldsOf(one, service),
      );
    },
    forget(request) {
      const session = sessionOf(request);
      if (session === undefined) return;
      const digest = digestOf(session);
      known.delete(digest);
      underWay.delete(digest);
    },
  };

  /** Who asks about one session at the same time shares the question. */
  function askAndKeep(digest: string, session: string, headers: readonly string[]): Promise<Known | undefined> {
    const asking = ask(session, headers).then((found) => {
      // Unless it was forgotten meanwhile.
      if (underWay.get(digest) !== asking) return found;
      underWay.delete(digest);
      if (found !== undefined) keep(digest, found);
      return found;
    });
    underWay.set(digest, asking);
    return asking;
  }
}

function digestOf(session: string): string {
  return createHash('sha256').update(session).digest('base64');
}

/** Longer ones are no session, but somebody who wants to fill our memory or the monolith's log. */
const SESSION_LENGTH_MAX = 8 * 1024;

function sessionReader({ session }: IdentityDeclaration): (request: IncomingMessage) => string | undefined {
  const bounded = (value: string | undefined) =>
    value === undefined || value === '' || value.length > SESSION_LENGTH_MAX ? undefined : value;
  if ('header' in session) {
    const name = session.header.toLowerCase();
    return ({ headers }) => bounded(headers[name]?.toString());
  }
  const name = session.cookie.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const cookie = new RegExp(`(?:^|;)[ \\t]*${name}=([^;]*)`);
  return ({ headers }) => bounded(headers.cookie === undefined ? undefined : cookie.exec(headers.cookie)?.[1]?.trim());
}
