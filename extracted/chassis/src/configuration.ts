import { createPublicKey } from 'node:crypto';
import { inspect } from 'node:util';
import * as z from 'zod';

/** A setting that no log, error or inspection shows. */
export interface Secret {
  /** The value itself: only where it is used. */
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

/** The environment is not one that the service can run in; the message lists every fault, with what to do. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

const REDACTED = '[redacted]';

/** A setting to keep quiet: `secret(z.url())`. */
export function secret<Schema extends z.ZodType<string>>(schema: Schema) {
  return schema.transform((value): Secret => {
    const hidden = { reveal: () => value, toString: () => REDACTED, toJSON: () => REDACTED };
    return Object.defineProperty(hidden, inspect.custom, { value: () => REDACTED });
  });
}

/** A whole number written as text, as the environment carries it, within bounds. */
export function wholeNumber(minimum: number, maximum: number) {
  const range = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, range)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, range);
}

function isPublicKey(pem: string): boolean {
  try {
    const type = createPublicKey(pem).asymmetricKeyType ?? '';
    return pem.includes('PUBLIC KEY') && ['rsa', 'ed25519', 'ec'].includes(type);
  } catch {
    return false;
  }
}

/** What every service is told by its environment. Times are in milliseconds. */
export const commonSettings = {
  /** Where the service's own database is. */
  DATABASE_URL: secret(z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' })),
  /** The address to listen on; loopback unless told otherwise. */
  HOST: z.string().min(1).default('127.0.0.1'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  /** How long requests in flight may take to end once the service was told to stop. */
  STOP_DEADLINE_MS: wholeNumber(0, 600_000).prefault('10000'),
  /** Where the keys are published that sign identities. At most one of the three `IDENTITY_` keys may be set. */
  IDENTITY_JWKS_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).optional(),
  /** The public key that verifies identities, as PEM (SPKI). */
  IDENTITY_PUBLIC_KEY: z.string().refine(isPublicKey, 'must be an RSA, Ed25519 or EC public key as PEM').optional(),
  /** The secret shared with the signer of identities (HS256). */
  IDENTITY_SECRET: secret(z.string().min(32, 'must have at least 32 characters')).optional(),
  /** Who must have issued an identity (`iss`), and for whom (`aud`); not checked unless set. */
  IDENTITY_ISSUER: z.string().min(1).optional(),
  IDENTITY_AUDIENCE: z.string().min(1).optional(),
};

/** The settings of {@link commonSettings}, read. */
export type CommonConfiguration = z.output<z.ZodObject<typeof commonSettings>>;

/**
 * Reads settings from the environment. An empty variable counts as absent, as compose files can only make it empty.
 *
 * @throws {ConfigurationError} naming every fault at once, never a value.
 */
export function readConfiguration<Shape extends z.ZodRawShape>(
  shape: Shape,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<z.ZodObject<Shape>> {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const read = z.object(shape).safeParse(present, { reportInput: false });
  const faults = read.success ? [] : read.error.issues.map((issue) => describeFault(issue, present));
  const keys = ['IDENTITY_JWKS_URL', 'IDENTITY_PUBLIC_KEY', 'IDENTITY_SECRET'].filter(
    (name) => name in shape && present[name] !== undefined,
  );
  if (keys.length > 1) faults.push(`${keys.join(', ')}: set only one of them`);
  if (!read.success || faults.length > 0) {
    throw new ConfigurationError(`The environment is not right:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  }
  return read.data;
}

function describeFault(issue: z.core.$ZodIssue, present: Readonly<Record<string, unknown>>): string {
  const name = issue.path.join('.');
  return present[name] === undefined ? `${name}: is not set` : `${name}: ${issue.message}`;
}
