import { join } from 'node:path';
import { z } from 'zod';
import type { UnleashAccess } from '../unleash.ts';

/** Everything that the control plane can be told. */
export interface ControlConfig {
  readonly host: string;
  readonly port: number;
  readonly migrations: string;
  /** The control plane's own database. */
  readonly database: string;
  /** `monolith`, or the name of a service -> a direct connection URL, not a pooler's. */
  readonly databases: Readonly<Record<string, string>>;
  /** What commands give. */
  readonly token: string;
  /** What proxies give. */
  readonly proxyToken: string;
  /** Undefined: no flag server, and only commands ask for anything. */
  readonly unleash: UnleashAccess | undefined;
  /** The program of change data capture, for `verify`; undefined: nobody can be asked to verify. */
  readonly cdc: string | undefined;
  /** What that program's environment has beside ours: change data capture has roles of its own. */
  readonly cdcEnvironment: Readonly<Record<string, string>>;
  /** `application_name` of those whose writes come through the proxy. */
  readonly applications: readonly string[];
  readonly gates: Gates;
  readonly logLevel: string;
}

/** What has to hold before the owner may change. */
export interface Gates {
  /** Share of comparisons that match, from 0 to 1. */
  readonly parityMin: number;
  readonly comparisonsMin: number;
  /** How long ago the rows were last verified, at most. */
  readonly verificationAgeMsMax: number;
  /** How long a marker may take from one database to the other. */
  readonly lagMsMax: number;
}

export class ControlConfigError extends Error {
  override readonly name = 'ControlConfigError';
}

const number = (preset: number) => z.coerce.number('has to be a number').nonnegative().default(preset);
const postgres = z.url({ protocol: /^postgres(ql)?$/, error: 'has to be a postgres:// URL' });
const secret = z.string('is missing').regex(/^\S{8,}$/, 'has to be one word of at least 8 characters');

const environment = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(7070),
  STRANGLER_MIGRATIONS: z.string().min(1).default('migrations'),
  STRANGLER_CONTROL_DATABASE: postgres,
  STRANGLER_CONTROL_TOKEN: secret,
  STRANGLER_CONTROL_PROXY_TOKEN: secret,
  STRANGLER_DATABASE_MONOLITH: postgres,
  UNLEASH_ADMIN_URL: z.url({ protocol: /^https?$/ }).optional(),
  UNLEASH_ADMIN_TOKEN: z.string().optional(),
  STRANGLER_CDC: z.string().optional(),
  STRANGLER_APPLICATIONS: z.string().default(''),
  STRANGLER_GATE_PARITY: z.coerce.number('has to be a number').min(0).max(1).default(0.99),
  STRANGLER_GATE_COMPARISONS: number(100),
  STRANGLER_GATE_VERIFICATION_MINUTES: number(60),
  STRANGLER_GATE_LAG_MS: number(1_000),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** What `strangler control --help` adds to the verbs. */
export const CONTROL_ENVIRONMENT = `Environment of "strangler control"
  STRANGLER_MIGRATIONS           folder of the declarations (migrations)
  STRANGLER_CONTROL_DATABASE     postgres:// URL of the control plane's own database
  STRANGLER_CONTROL_TOKEN        what commands have to give
  STRANGLER_CONTROL_PROXY_TOKEN  what proxies have to give
  STRANGLER_DATABASE_MONOLITH    postgres:// URL as the workflow's role; a direct one, not a pooler's
  STRANGLER_DATABASE_<SERVICE>   the same for each service
  UNLEASH_ADMIN_URL, UNLEASH_ADMIN_TOKEN   the flag server; without it only commands ask for anything
  STRANGLER_CDC                  the program "cdc", which is asked to verify
  STRANGLER_CDC_DATABASE_...     the same two, as change data capture's role
  STRANGLER_APPLICATIONS         application_name of those whose writes come through the proxy, with commas
  STRANGLER_GATE_PARITY, STRANGLER_GATE_COMPARISONS, STRANGLER_GATE_VERIFICATION_MINUTES, STRANGLER_GATE_LAG_MS
                                 what has to hold before a cut-over (0.99, 100, 60, 1000)
  HOST, PORT                     of its API (127.0.0.1, 7070)
  LOG_LEVEL                      trace, debug, info (default), warn, error, fatal, silent`;

/** Reads the environment. @throws {ControlConfigError} with every fault at once. */
export function readControlConfig(env: NodeJS.ProcessEnv): ControlConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const faults: string[] = [];
  const result = environment.safeParse(given);
  if (!result.success) {
    faults.push(...result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`));
  }
  const databases: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const [, side] = /^STRANGLER_DATABASE_(\w+)$/.exec(name) ?? [];
    if (side === undefined || value === undefined) continue;
    if (postgres.safeParse(value).success) databases[side.toLowerCase().replaceAll('_', '-')] = value;
    else if (side !== 'MONOLITH') faults.push(`${name}: has to be a postgres:// URL`);
  }
  if (!result.success || faults.length > 0) throw new ControlConfigError(faults.map((each) => `- ${each}`).join('\n'));
  const { data } = result;
  const { UNLEASH_ADMIN_URL: url, UNLEASH_ADMIN_TOKEN: token } = data;
  return {
    host: data.HOST,
    port: data.PORT,
    migrations: join(data.STRANGLER_MIGRATIONS),
    database: data.STRANGLER_CONTROL_DATABASE,
    databases,
    token: data.STRANGLER_CONTROL_TOKEN,
    proxyToken: data.STRANGLER_CONTROL_PROXY_TOKEN,
    unleash: url === undefined || token === undefined ? undefined : { url, token },
    cdc: data.STRANGLER_CDC,
    cdcEnvironment: cdcEnvironment(given),
    applications: data.STRANGLER_APPLICATIONS.split(',').flatMap((name) => name.trim() || []),
    gates: {
      parityMin: data.STRANGLER_GATE_PARITY,
      comparisonsMin: data.STRANGLER_GATE_COMPARISONS,
      verificationAgeMsMax: data.STRANGLER_GATE_VERIFICATION_MINUTES * 60_000,
      lagMsMax: data.STRANGLER_GATE_LAG_MS,
    },
    logLevel: data.LOG_LEVEL,
  };
}

/** `STRANGLER_CDC_DATABASE_CATALOG` is that program's `STRANGLER_DATABASE_CATALOG`. */
function cdcEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value && name.startsWith('STRANGLER_CDC_DATABASE_')) found[name.replace('_CDC', '')] = value;
  }
  return found;
}
