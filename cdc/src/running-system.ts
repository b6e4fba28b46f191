import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { ConfigurationError, databaseVariable } from './config.ts';

/** What is read of the file that a launcher leaves beside a running system. */
const STACK_FILE = z.object({ migrations: z.string(), cdc: z.record(z.string(), z.string()) });

/**
 * The environment, and for what it leaves open the system that runs on `STRANGLER_STATE` (`.strangler`): so that one may
 * ask about it without setting anything. An environment that names any database is left as it is.
 */
export function withRunningSystem(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (Object.keys(env).some((name) => name.startsWith('STRANGLER_DATABASE_'))) return env;
  const file = resolve(env.STRANGLER_STATE || '.strangler', 'stack.json');
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw nothingKnown(file, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : String(error));
  }
  const stack = STACK_FILE.safeParse(content);
  if (!stack.success) throw nothingKnown(file, 'is not what a launcher writes');
  const databases = Object.entries(stack.data.cdc).map(([name, url]) => [databaseVariable(name), url] as const);
  return { STRANGLER_MIGRATIONS: stack.data.migrations, ...Object.fromEntries(databases), ...env };
}

function nothingKnown(file: string, fault: string): ConfigurationError {
  return new ConfigurationError(
    [
      'It is not known which databases to look at:',
      `- STRANGLER_DATABASE_MONOLITH and STRANGLER_DATABASE_<SERVICE> are not set`,
      `- ${file} ${fault}; a running "npm start" writes it (STRANGLER_STATE says where)`,
    ].join('\n'),
  );
}
