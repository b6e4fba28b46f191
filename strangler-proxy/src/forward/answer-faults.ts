import type { ProblemCode } from '../errors.ts';

/** What an upstream did wrong, with the code that the client will see. */
export class UpstreamFault extends Error {
  readonly problem: ProblemCode;

  constructor(problem: ProblemCode, what: string) {
    super(what);
    this.problem = problem;
  }
}

/** An answer that is not HTTP as RFC 9112 has it. It is refused, never repaired: whoever repairs can be made to smuggle. */
export function invalid(what: string): UpstreamFault {
  return new UpstreamFault('upstream-invalid', what);
}

/**
 * Whether a status says that the service as a whole is not there. 500 does not: it is about one request, and a single
 * broken page must not close the way to all others.
 */
export function isOutOfService(status: number): boolean {
  return status >= 502 && status <= 504;
}
