import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';

const STACK_FILE = z.object({
  urls: z.object({ proxy_admin: z.url() }).catchall(z.string()),
  migrations: z.string(),
  unleash_url: z.url().optional(),
  unleash_client_token: z.string().optional(),
});

/** What a launcher says of the system that it runs on `STRANGLER_STATE` (`.strangler`); undefined if none runs. */
export function readRunningSystem(env: NodeJS.ProcessEnv): z.infer<typeof STACK_FILE> | undefined {
  try {
    const file = resolve(stateFolder(env), 'stack.json');
    return STACK_FILE.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Where the proxy of the system that a launcher runs keeps what survives a restart. */
export function stateOfRunningSystem(env: NodeJS.ProcessEnv): string {
  return resolve(stateFolder(env), 'proxy');
}

function stateFolder(env: NodeJS.ProcessEnv): string {
  return env.STRANGLER_STATE || '.strangler';
}
