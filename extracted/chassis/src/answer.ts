import type { Response } from 'express';
import { PROBLEMS, type Problem, type ProblemCode } from './problem.ts';

/** What a request is answered with. The body is sent as JSON. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Where a service's contract prescribes an answer of its own for a problem, the function that makes it. */
export type ContractAnswers = Partial<Record<ProblemCode, (problem: Problem) => Answer>>;

/** The answer to a problem: the contract's own where there is one, else RFC 9457's. */
export function answerProblem(problem: Problem, contract: ContractAnswers, requestId: string): Answer {
  const prescribed = contract[problem.code];
  if (prescribed) return prescribed(problem);
  const { status, title } = PROBLEMS[problem.code];
  const headers: Record<string, string> = { 'content-type': 'application/problem+json; charset=utf-8' };
  if (status === 503) headers['retry-after'] = '1';
  const fields = problem.fields ? { fields: problem.fields } : {};
  const body = { type: 'about:blank', title, status, code: problem.code, ...fields, request_id: requestId };
  return { status, headers, body };
}

/** Sends an answer by Express, which adds its ETag and answers 304 where that matches (RFC 9110, 13.1.2). */
export function send(response: Response, answer: Answer): void {
  response.status(answer.status);
  if (answer.headers) response.set(answer.headers);
  response.json(answer.body);
}
