import { type Fault, MigrationError } from './fault.ts';

/**
 * Says whose session a request carries: what the proxy has to know to tell a service who is asking, so that no service
 * ever reads the monolith's session store.
 */
export interface IdentityDeclaration {
  /** Where a request carries its session with the monolith: a cookie, or a header such as `authorization`. */
  readonly session: { readonly cookie: string } | { readonly header: string };
  /** What the monolith is asked, by GET and with that session alone: a path of it that answers in JSON. */
  readonly ask: `/${string}`;
  /**
   * Reads the answer: who that is, or undefined if the monolith does not know the session. Whatever it throws means that
   * nobody can say.
   */
  readonly read: (answer: IdentityAnswer) => Claims | undefined;
}

/** What the monolith said; a status from 500 on never comes here. */
export interface IdentityAnswer {
  readonly status: number;
  /** Parsed JSON; undefined if the body was empty. */
  readonly body: unknown;
}

/** Who is asking, as a service gets it. */
export interface Claims {
  /** The claim `sub`. */
  readonly subject: string;
  /** Further claims, by name: `role`, say. */
  readonly [claim: string]: string | number | boolean | readonly string[];
}

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;

/** Declares who is asking. @throws {MigrationError} with every fault of the declaration at once. */
export function defineIdentity(declaration: IdentityDeclaration): IdentityDeclaration {
  const faults = identityFaults(declaration);
  if (faults.length > 0) throw new MigrationError(faults);
  return declaration;
}

/** What is wrong with what somebody exports as a declaration of identity. */
export function identityFaults(declared: unknown): Fault[] {
  const { session, ask, read } = (declared ?? {}) as Record<string, unknown>;
  const { cookie, header } = (session ?? {}) as Record<string, unknown>;
  const faults: Fault[] = [];
  if (typeof (cookie ?? header) !== 'string' || !TOKEN.test(String(cookie ?? header)) || (cookie && header)) {
    const problem = 'it does not say which cookie or which header carries the session';
    faults.push({ where: 'identity: session', problem, mend: "Write session: { cookie: 'shop_sid' }" });
  }
  if (typeof ask !== 'string' || !/^\/[!-~]*$/.test(ask)) {
    const problem = 'it is no path of the monolith';
    faults.push({ where: 'identity: ask', problem, mend: "Write ask: '/api/me'" });
  }
  if (typeof read !== 'function') {
    const mend = 'Write read: ({ body }) => ({ subject: body.user.id }), or undefined for a session that is nobody';
    faults.push({ where: 'identity: read', problem: 'it is no function', mend });
  }
  return faults;
}
