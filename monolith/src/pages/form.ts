import express, { type Request } from 'express';
import { Refusal } from '../http/refusal.ts';
import type { FormState } from './parts.ts';

/** Reads a plain HTML form. */
export const formBody = express.urlencoded({ extended: false, limit: '100kb' });

/** The fields of a form; of repeated ones the last. */
export function formOf(request: Request): Record<string, string> {
  const body = (request.body ?? {}) as Record<string, string | string[]>;
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, String([value].flat().at(-1))]));
}

/** What to show again, when the fields of a form were not right. @throws the error, if it says anything else */
export function faultyForm(error: unknown, values: Record<string, string>): FormState {
  if (!(error instanceof Refusal) || error.body.error !== 'INVALID') throw error;
  return { values, faults: error.body.fields as Record<string, string> };
}
