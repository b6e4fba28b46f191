/**
 * What a service answers where its contract says nothing: `application/problem+json` (RFC 9457) with a code that stays.
 * The catalogue is complete: a service makes no other problems.
 */
export const PROBLEMS = {
  'malformed-request': { status: 400, title: 'The request could not be read.' },
  'malformed-json': { status: 400, title: 'The body is not JSON, or not a JSON object.' },
  unauthenticated: { status: 401, title: 'A signed identity is needed.' },
  forbidden: { status: 403, title: 'This identity may not do that.' },
  'unknown-route': { status: 404, title: 'There is no such route.' },
  'method-not-allowed': { status: 405, title: 'The route does not know this method.' },
  'body-too-large': { status: 413, title: 'The body is too large.' },
  'unsupported-media-type': { status: 415, title: 'The body has a media type that is not understood here.' },
  'invalid-body': { status: 422, title: 'The body has faults.' },
  'internal-error': { status: 500, title: 'The service failed.' },
  'database-unavailable': { status: 503, title: 'The database is out of reach. Try again soon.' },
  'identity-unavailable': { status: 503, title: 'Identities cannot be verified at present. Try again soon.' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** A request ends with one of the {@link PROBLEMS}: throw it anywhere below the routes. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  /** What the faults of a body are, by field; only with `invalid-body`. */
  readonly fields: Readonly<Record<string, string>> | undefined;

  constructor(code: ProblemCode, options: { cause?: unknown; fields?: Readonly<Record<string, string>> } = {}) {
    super(PROBLEMS[code].title, { cause: options.cause });
    this.code = code;
    this.fields = options.fields;
  }
}
