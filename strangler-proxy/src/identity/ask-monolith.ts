import type { Claims, IdentityDeclaration } from 'strangler-migrations/define';
import type { Upstream } from '../forward/upstreams.ts';
import { callCandidate } from '../shadow/call-candidate.ts';

/** How long the monolith may take to say who is asking. */
const ASK_TIMEOUT_MS = 2_000;
const ANSWER_BYTES_MAX = 64 * 1024;

/** Fields of the client's request that the monolith gets with the question: by which name it was called, and from where. */
const PASSED_ON = new Set(['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'user-agent', 'via']);

/**
 * Asks the monolith whose session this is.
 *
 * @param headers of the client's request, as an upstream gets it, in turn with their values
 * @throws Error when the monolith does not say, within two seconds
 */
export async function askMonolith(
  monolith: Upstream,
  declaration: IdentityDeclaration,
  session: string,
  headers: readonly string[],
): Promise<Claims | undefined> {
  const { status, body } = await call(monolith, declaration.ask, [
    ...headers.flatMap((name, i) =>
      i % 2 === 0 && PASSED_ON.has(name.toLowerCase()) ? [name, headers[i + 1] as string] : [],
    ),
    ...sessionField(declaration, session),
    ...['Accept', 'application/json'],
  ]);
  if (status >= 500) throw new Error(`the monolith answered ${status}`);
  const claims = declaration.read({ status, body: body === '' ? undefined : JSON.parse(body) });
  if (claims !== undefined && (typeof claims.subject !== 'string' || claims.subject === '')) {
    throw new Error('the declaration of identity names nobody: subject has to be a text');
  }
  return claims;
}

function sessionField({ session }: IdentityDeclaration, value: string): string[] {
  return 'cookie' in session ? ['Cookie', `${session.cookie}=${value}`] : [session.header, value];
}

function call(monolith: Upstream, target: string, headers: string[]): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let body = Buffer.alloc(0);
    let giveUp: (() => void) | undefined;
    const deadline = setTimeout(() => fail(new Error('the monolith takes too long')), ASK_TIMEOUT_MS);
    function fail(error: Error): void {
      clearTimeout(deadline);
      giveUp?.();
      reject(error);
    }
    giveUp = callCandidate(
      monolith,
      { method: 'GET', target, headers, timeoutMs: ASK_TIMEOUT_MS },
      {
        head(given) {
          status = given;
        },
        data(chunk) {
          body = Buffer.concat([body, chunk]);
          if (body.length > ANSWER_BYTES_MAX) fail(new Error('the monolith says too much'));
        },
        end() {
          clearTimeout(deadline);
          resolve({ status, body: body.toString('utf8') });
        },
        failed: fail,
      },
    );
  });
}
