import { isDeepStrictEqual } from 'node:util';
import { Counter, type Registry } from 'prom-client';
import type { Migration } from 'strangler-migrations/define';
import { type Config, ConfigError } from '../config.ts';
import type { Logger } from '../logger.ts';
import type { StranglerProxy } from '../proxy.ts';
import { loadFreshMigrations } from './fresh-declarations.ts';
import type { Generations } from './generations.ts';

/** What a reload works with. */
export interface ReloadOptions {
  /** What holds at the start. */
  readonly config: Config;
  readonly capabilities: readonly string[];
  /** Reads flags, environment and file. @throws ConfigError with every fault */
  read(): Config;
  /** Makes the proxy that replaces the one before. @throws Error for what cannot be served */
  open(config: Config, migrations: readonly Migration[]): StranglerProxy;
  readonly generations: Generations;
  readonly registry: Registry;
  readonly logger: Logger;
}

/** Takes a new configuration while requests are under way. */
export interface Reload {
  /** Never rejects: what is faulty is refused, told, and changes nothing. */
  now(): Promise<void>;
  /** For `/readyz`: that the last one was refused, and why; empty if it was not. */
  notices(): readonly string[];
}

/** What a reload takes; everything else is settled at the start. */
const TAKEN = ['upstreams', 'migrations', 'servedBy', 'trustProxy'] as const satisfies readonly (keyof Config)[];

export function createReload(options: ReloadOptions): Reload {
  const { read, open, generations, logger } = options;
  let refused: readonly string[] = [];
  let turn = Promise.resolve();
  const count = new Counter({
    name: 'strangler_proxy_reloads_total',
    help: 'Times that the configuration was read anew, by whether it was taken or refused',
    labelNames: ['result'],
    registers: [options.registry],
  });
  for (const result of ['taken', 'refused']) count.inc({ result }, 0);

  async function reload(): Promise<void> {
    try {
      const next = read();
      const migrations = await loadFreshMigrations(next.migrations);
      requireTakeable(options, next, migrations);
      generations.replace(open(next, migrations));
      refused = [];
      count.inc({ result: 'taken' });
      logger.info({ routes: generations.current().routes().length, upstreams: next.upstreams }, 'reloaded');
    } catch (error) {
      refused = error instanceof ConfigError ? error.faults : (error as Error).message.split('\n');
      count.inc({ result: 'refused' });
      logger.error({ faults: refused }, 'The new configuration is refused; the one before holds');
    }
  }

  return {
    now() {
      turn = turn.then(reload);
      return turn;
    },
    notices: () => (refused.length === 0 ? [] : [`The last new configuration was refused: ${refused.join('; ')}`]),
  };
}

/** @throws ConfigError naming what needs a restart */
function requireTakeable(
  { config, capabilities }: ReloadOptions,
  next: Config,
  migrations: readonly Migration[],
): void {
  const names = Object.keys(next).filter((name) => !(TAKEN as readonly string[]).includes(name)) as (keyof Config)[];
  const faults = names
    .filter((name) => !isDeepStrictEqual(config[name], next[name]))
    .map((name) => `${name} has changed: that needs a restart`);
  const follows = next.control !== undefined || Object.keys(next.databases).length > 0;
  const declared = migrations.map(({ capability }) => capability);
  const changed = [
    ...declared.filter((one) => !capabilities.includes(one)),
    ...capabilities.filter((one) => !declared.includes(one)),
  ];
  if (follows && changed.length > 0) {
    faults.push(
      `${changed.join(', ')}: with a control plane or databases, another set of capabilities needs a restart`,
    );
  }
  if (faults.length > 0) throw new ConfigError(faults);
}
