import express, { type Request, type RequestHandler } from 'express';
import { Refusal } from './refusal.ts';

const parse = express.json({ limit: '100kb', type: 'application/json', verify: refuseNothing });

/** Express would take an empty body for an empty object. */
function refuseNothing(_request: unknown, _response: unknown, body: Buffer): void {
  if (body.length === 0) throw new Refusal(400, { error: 'BAD_JSON' });
}

/** Reads a body that has to be a JSON object. @throws Refusal BAD_JSON or TOO_LARGE */
export const jsonBody: RequestHandler = (request, response, next) => {
  parse(request, response, (error?: unknown) => {
    if (error) next(bodyRefusal(error));
    else next(isObject(request.body) ? undefined : new Refusal(400, { error: 'BAD_JSON' }));
  });
};

/** The body that {@link jsonBody} has read. */
export function bodyOf(request: Request): Readonly<Record<string, unknown>> {
  return request.body as Readonly<Record<string, unknown>>;
}

function bodyRefusal(error: unknown): Error {
  const { status, type } = error as { status?: number; type?: string };
  if (status === 413) return new Refusal(413, { error: 'TOO_LARGE' });
  if (type === 'request.aborted') return error as Error;
  return new Refusal(400, { error: 'BAD_JSON' });
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
