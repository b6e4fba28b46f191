import type { ServerResponse } from 'node:http';
import { PROXY_NAME, type ProblemCode, problemAnswer } from '../errors.ts';
import { type Fields, NO_FIELDS } from './head-additions.ts';

/** Answers with a problem of ours. */
export function sendProblem(
  response: ServerResponse,
  code: ProblemCode,
  about: {
    readonly upstream?: string;
    readonly requestId?: string;
    readonly servedBy: boolean;
    readonly added?: Fields;
  },
): void {
  const { status, headers, body } = problemAnswer(code, about.upstream, about.requestId);
  // What a client that framed its request wrongly sends next cannot be told from the rest of that request.
  if (status === 400 || status === 501) response.shouldKeepAlive = false;
  const served = about.servedBy ? ['X-Served-By', PROXY_NAME] : NO_FIELDS;
  response.writeHead(status, [...headers, ...(about.added ?? NO_FIELDS), ...served]);
  response.end(body);
}
