/**
 * Runs the real Unleash, flag server and flag UI in one, as a process of its own.
 *
 * Unleash is licensed under the AGPL: it is a separate program here, reached over HTTP like any other.
 */
import { LogLevel, start } from 'unleash-server';
import { z } from 'zod';
import { readEnvironment } from './read-environment.ts';

const token = (example: string) => z.string().regex(/^[^:\s]+:[^.\s]+\.\S+$/, `has to look like ${example}`);

const environment = readEnvironment(
  z.object({
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'has to be a postgres:// URL' }),
    PORT: z.coerce.number().int().min(1).max(65_535),
    HOST: z.string().default('127.0.0.1'),
    /** Where people reach the flag UI; only used in links that Unleash writes. */
    PUBLIC_URL: z.url().optional(),
    UNLEASH_ADMIN_USER: z.string().min(1).default('admin'),
    UNLEASH_ADMIN_PASSWORD: z.string().min(1),
    UNLEASH_ADMIN_TOKEN: token('*:*.some-secret'),
    UNLEASH_CLIENT_TOKEN: token('default:development.some-secret'),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'fatal']).default('warn'),
  }),
);

// Unleash takes these from its environment only. It creates them in an empty database, and ignores them afterwards.
process.env.INIT_ADMIN_API_TOKENS = environment.UNLEASH_ADMIN_TOKEN;
process.env.INIT_BACKEND_API_TOKENS = environment.UNLEASH_CLIENT_TOKEN;
process.env.SEND_TELEMETRY = 'false';

await start({
  databaseUrl: environment.DATABASE_URL,
  db: {
    pool: { min: 0, max: 4 },
    // Unleash asks for TLS unless told otherwise; the URL is the one place that says so here.
    ...(new URL(environment.DATABASE_URL).searchParams.has('sslmode') ? {} : { ssl: false }),
  },
  server: {
    host: environment.HOST,
    port: environment.PORT,
    unleashUrl: environment.PUBLIC_URL ?? `http://${environment.HOST}:${environment.PORT}`,
    serverMetrics: false,
    gracefulShutdownEnable: true,
    gracefulShutdownTimeout: 1_000,
  },
  authentication: {
    initialAdminUser: {
      username: environment.UNLEASH_ADMIN_USER,
      password: environment.UNLEASH_ADMIN_PASSWORD,
    },
  },
  versionCheck: { enable: false },
  logLevel: LogLevel[environment.LOG_LEVEL],
  // One person and a test suite behind one address: the limits are meant for the open internet.
  rateLimiting: { simpleLoginMaxPerMinute: 600, searchFeaturesMaxPerMinute: 600 },
});
