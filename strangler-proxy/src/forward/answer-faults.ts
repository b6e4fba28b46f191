/** An answer that undici's parser takes and HTTP does not. */
export class InvalidAnswer extends Error {}

/** An answer that the client does not get, as the owner will answer instead. */
export class ServerError extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

/** Ends what took longer than it may in all. */
export const OVERDUE = new Error('the request took longer than it may in all');

/**
 * Whether a status says that the service as a whole is not there. 500 does not: it is about one request, and a single
 * broken page must not close the way to all others.
 */
export function isOutOfService(status: number): boolean {
  return status >= 502 && status <= 504;
}
