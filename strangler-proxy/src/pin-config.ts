import type { Registry } from 'prom-client';
import type { Migration } from 'strangler-migrations/define';
import { MONOLITH } from './forward/upstreams.ts';
import type { Logger } from './logger.ts';
import { createPins, keptPinKey, PIN_KEY_LENGTH_MIN, type Pins } from './pin/index.ts';

export const DATABASE_PREFIX = 'STRANGLER_DATABASE_';
export const PIN_KEY = 'STRANGLER_PIN_KEY';

/** What pins are made from, as the environment gives it. */
export interface PinConfig {
  /** Connection URLs by the name of the upstream whose database it is; none: there are no pins. */
  readonly databases: Readonly<Record<string, string>>;
  /** Empty: the instance makes a key of its own. */
  readonly pinKeys: readonly string[];
}

/** Reads the environment alone, as all of it is secret. Adds what is wrong to `faults`. */
export function readPinConfig(env: NodeJS.ProcessEnv, faults: string[]): PinConfig {
  const databases: Record<string, string> = {};
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(DATABASE_PREFIX) || value === undefined || value === '') continue;
    if (/^postgres(?:ql)?:\/\/./.test(value) && URL.canParse(value)) {
      databases[variable.slice(DATABASE_PREFIX.length).toLowerCase().replaceAll('_', '-')] = value;
    } else faults.push(`${variable}: has to be a postgres:// URL`);
  }
  const pinKeys = (env[PIN_KEY] ?? '').split(',').flatMap((key) => key.trim() || []);
  if (pinKeys.some((key) => key.length < PIN_KEY_LENGTH_MIN)) {
    faults.push(`${PIN_KEY}: each key has to have at least ${PIN_KEY_LENGTH_MIN} characters`);
  }
  return { databases, pinKeys };
}

/** Undefined without databases; the warning says what that means. @throws Error naming the databases that are missing. */
export function openPins(
  { databases, pinKeys, state }: PinConfig & { readonly state: string },
  migrations: readonly Migration[],
  registry: Registry,
  logger: Logger,
): Pins | undefined {
  if (Object.keys(databases).length === 0) {
    logger.warn({}, NO_PINS);
    return undefined;
  }
  const needed = new Set(migrations.flatMap(({ service }) => [MONOLITH, service]));
  const missing = [...needed].filter((name) => databases[name] === undefined);
  if (missing.length > 0) {
    const variables = missing.map((name) => DATABASE_PREFIX + name.toUpperCase().replaceAll('-', '_'));
    throw new Error(
      `${variables.join(', ')}: missing; pins need the databases of both sides of every migration, or none`,
    );
  }
  const [first, ...others] = pinKeys;
  if (first === undefined) {
    logger.info({}, `Pins are signed with a key of this instance (${PIN_KEY} is not set): run one instance only`);
  }
  return createPins({ migrations, databases, keys: [first ?? keptPinKey(state), ...others], registry });
}

/** Said in the log and on `/readyz` where there are no databases. */
export const NO_PINS = `No databases (${DATABASE_PREFIX}<NAME>): a client may read older data than it wrote`;
