import type { ServerResponse } from 'node:http';
import { PROXY_NAME, type ProblemCode, problemAnswer } from '../errors.ts';

/** Answers with a problem of ours. */
export function sendProblem(
  response: ServerResponse,
  code: ProblemCode,
  about: { readonly upstream?: string; readonly requestId?: string; readonly servedBy: boolean },
): void {
  const { status, headers, body } = problemAnswer(code, about.upstream, about.requestId);
  // What a client that framed its request wrongly sends next cannot be told from the rest of that request.
  if (status === 400 || status === 501) response.shouldKeepAlive = false;
  response.writeHead(status, about.servedBy ? [...headers, 'X-Served-By', PROXY_NAME] : [...headers]);
  response.end(body);
}
