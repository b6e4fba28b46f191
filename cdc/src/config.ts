import { loadMigrations, type Migration, MigrationError } from 'strangler-migrations/define';
import * as z from 'zod';
import { DEFAULT_LIMITS, type StreamLimits } from './limits.ts';

/** The environment, validated. Database URLs hold passwords: they are never logged. */
export interface Configuration {
  readonly migrations: readonly MigrationDatabases[];
  readonly host: string;
  readonly port: number;
  readonly logLevel: string;
  readonly limits: StreamLimits;
  readonly engine: EngineSettings;
}

/** Who captures, and what that needs. */
export type EngineSettings =
  | { readonly name: 'embedded' }
  | {
      readonly name: 'debezium';
      /** `host:port` of some of Kafka's brokers. */
      readonly brokers: readonly string[];
      readonly connectUrl: string;
      /** Databases that the workers of Kafka Connect reach by another URL than we do: that one by ours. */
      readonly seenByConnect: ReadonlyMap<string, string>;
    };

/** A migration with the two databases of its forward stream. */
export interface MigrationDatabases {
  readonly migration: Migration;
  readonly sourceUrl: string;
  readonly targetUrl: string;
}

/** The environment is not one to run with; the message lists every fault. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** The port of `/status` and `/metrics` unless PORT says otherwise. */
export const DEFAULT_PORT = 7080;

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, 'has to be a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `has to be from ${least} to ${most}`);

const databaseUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'has to be a postgres:// URL' });

const ENVIRONMENT = z.object({
  STRANGLER_MIGRATIONS: z.string().min(1).default('migrations'),
  STRANGLER_DATABASE_MONOLITH: databaseUrl,
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(DEFAULT_PORT),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  STRANGLER_CDC_QUEUE_MIB: wholeNumber(1, 1_024).optional(),
  STRANGLER_CDC_BATCH_ROWS: wholeNumber(1, 1_000_000).optional(),
  STRANGLER_CDC_HEARTBEAT_MS: wholeNumber(10, 3_600_000).optional(),
  STRANGLER_CDC_IDLE_MS: wholeNumber(10, 3_600_000).optional(),
  STRANGLER_CDC_DEAD_LETTERS: wholeNumber(0, 1_000_000).optional(),
  STRANGLER_CDC_ENGINE: z.enum(['embedded', 'debezium']).default('embedded'),
  KAFKA_BROKERS: z
    .string()
    .regex(/^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$/, 'has to be host:port, or several of them with commas between')
    .transform((brokers) => brokers.split(','))
    .optional(),
  CONNECT_URL: z.url({ protocol: /^https?$/, error: 'has to be an http:// or https:// URL' }).optional(),
});

/** The variable that holds a service's database: `STRANGLER_DATABASE_ORDER_HISTORY` for `order-history`. */
export function databaseVariable(service: string): string {
  return `STRANGLER_DATABASE_${service.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * Reads the environment and the declarations that it names.
 *
 * @param capability Only this one; all of them when undefined.
 * @throws {ConfigurationError} with every fault at once.
 */
export async function readConfiguration(env: NodeJS.ProcessEnv, capability?: string): Promise<Configuration> {
  const faults: string[] = [];
  const parsed = ENVIRONMENT.safeParse(env);
  for (const issue of parsed.error?.issues ?? []) faults.push(explainIssue(env, String(issue.path[0]), issue.message));

  const folder = env.STRANGLER_MIGRATIONS || 'migrations';
  const all = await loadMigrations(folder).catch((error: unknown) => {
    if (!(error instanceof MigrationError)) throw error;
    faults.push(error.message);
    return [];
  });
  const chosen = all.filter((migration) => capability === undefined || migration.capability === capability);
  if (all.length > 0 && chosen.length === 0) {
    const known = all.map((migration) => migration.capability).join(', ');
    faults.push(`--capability ${capability}: ${folder} declares no such migration, only ${known}`);
  }
  const targets = chosen.map((migration) => {
    const name = databaseVariable(migration.service);
    const url = databaseUrl.safeParse(env[name]);
    if (!url.success) faults.push(explainIssue(env, name, url.error.issues[0]!.message));
    return url.data ?? '';
  });

  const seen = new Map<string, string>();
  for (const name of ['monolith', ...chosen.map((migration) => migration.service)]) {
    const ours = env[databaseVariable(name)];
    const variable = databaseVariable(name).replace('STRANGLER_', 'STRANGLER_CONNECT_');
    if (!ours || !env[variable]) continue;
    const url = databaseUrl.safeParse(env[variable]);
    if (url.success) seen.set(ours, url.data);
    else faults.push(explainIssue(env, variable, url.error.issues[0]!.message));
  }
  if (parsed.data?.STRANGLER_CDC_ENGINE === 'debezium') {
    for (const name of ['KAFKA_BROKERS', 'CONNECT_URL'] as const) {
      if (!parsed.data[name]) faults.push(`${name} is not set, and STRANGLER_CDC_ENGINE=debezium needs it`);
    }
  }

  if (!parsed.success || faults.length > 0) {
    throw new ConfigurationError(`The configuration has faults:\n${faults.map((fault) => `- ${fault}`).join('\n')}`);
  }
  const { data } = parsed;
  return {
    migrations: chosen.map((migration, index) => ({
      migration,
      sourceUrl: data.STRANGLER_DATABASE_MONOLITH,
      targetUrl: targets[index]!,
    })),
    host: data.HOST,
    port: data.PORT,
    logLevel: data.LOG_LEVEL,
    engine:
      data.STRANGLER_CDC_ENGINE === 'embedded'
        ? { name: 'embedded' }
        : {
            name: 'debezium',
            brokers: data.KAFKA_BROKERS!,
            connectUrl: data.CONNECT_URL!,
            seenByConnect: seen,
          },
    limits: {
      ...DEFAULT_LIMITS,
      ...(data.STRANGLER_CDC_QUEUE_MIB ? { queueBytesMax: data.STRANGLER_CDC_QUEUE_MIB * 1024 * 1024 } : {}),
      ...(data.STRANGLER_CDC_BATCH_ROWS ? { batchRowsMax: data.STRANGLER_CDC_BATCH_ROWS } : {}),
      ...(data.STRANGLER_CDC_HEARTBEAT_MS ? { heartbeatMs: data.STRANGLER_CDC_HEARTBEAT_MS } : {}),
      ...(data.STRANGLER_CDC_IDLE_MS ? { idleMs: data.STRANGLER_CDC_IDLE_MS } : {}),
      deadLettersMax: data.STRANGLER_CDC_DEAD_LETTERS ?? DEFAULT_LIMITS.deadLettersMax,
    },
  };
}

/** Never shows the value: it may be a password. */
function explainIssue(env: NodeJS.ProcessEnv, name: string, message: string): string {
  return env[name] === undefined ? `${name} is not set` : `${name} ${message}`;
}
