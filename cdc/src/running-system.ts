import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { databaseVariable } from './config.ts';

/** What is read of the file that a launcher leaves beside a running system. */
const STACK_FILE = z.object({ migrations: z.string(), cdc: z.record(z.string(), z.string()) });

/**
 * The environment, and for what it leaves open the system that runs on `STRANGLER_STATE` (`.strangler`): so that one may
 * ask about it without setting anything. An environment that names any database is left as it is.
 */
export function withRunningSystem(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (Object.keys(env).some((name) => name.startsWith('STRANGLER_DATABASE_'))) return env;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(resolve(env.STRANGLER_STATE || '.strangler', 'stack.json'), 'utf8'));
  } catch {
    return env;
  }
  const stack = STACK_FILE.safeParse(content);
  if (!stack.success) return env;
  const databases = Object.entries(stack.data.cdc).map(([name, url]) => [databaseVariable(name), url] as const);
  return { STRANGLER_MIGRATIONS: stack.data.migrations, ...Object.fromEntries(databases), ...env };
}
