import { fileURLToPath } from 'node:url';
import type { ProgramCall } from './postgres.ts';

/** What a server of Unleash is told when it starts. */
export interface UnleashSettings {
  readonly databaseUrl: string;
  /** Where it listens, on loopback. */
  readonly port: number;
  /** The login of its UI. Taken when its database is empty, and ignored afterwards, like the tokens. */
  readonly user: string;
  readonly password: string;
  /** `*:*.secret` */
  readonly adminToken: string;
  /** `default:development.secret` */
  readonly clientToken: string;
}

/**
 * The call that starts the real Unleash, flag server and flag UI in one.
 *
 * Unleash is licensed under the AGPL: it runs as the separate program that it is, from its own entry point, told
 * everything by its environment, and reached over HTTP alone.
 *
 * @param compileCache folder in which Node keeps compiled code from start to start
 */
export function unleashCall(settings: UnleashSettings, compileCache?: string): ProgramCall {
  const program = fileURLToPath(new URL('../server.js', import.meta.resolve('unleash-server')));
  return {
    command: process.execPath,
    args: [program],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: compileCache,
      DATABASE_URL: settings.databaseUrl,
      DATABASE_SSL: 'false',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: String(settings.port),
      UNLEASH_URL: `http://127.0.0.1:${settings.port}`,
      UNLEASH_DEFAULT_ADMIN_USERNAME: settings.user,
      UNLEASH_DEFAULT_ADMIN_PASSWORD: settings.password,
      INIT_ADMIN_API_TOKENS: settings.adminToken,
      INIT_BACKEND_API_TOKENS: settings.clientToken,
      LOG_LEVEL: 'warn',
      // Nothing of this leaves the machine.
      CHECK_VERSION: 'false',
      SEND_TELEMETRY: 'false',
      // One person and a test suite behind one address: the limits are meant for the open internet.
      SIMPLE_LOGIN_LIMIT_PER_MINUTE: '600',
      SEARCH_FEATURES_RATE_LIMIT_PER_MINUTE: '600',
    },
  };
}
