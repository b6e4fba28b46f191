import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';

const STACK_FILE = z.object({ urls: z.object({ proxy_admin: z.url() }), migrations: z.string() });

/** What a launcher says of the system that it runs on `STRANGLER_STATE` (`.strangler`); undefined if none runs. */
export function readRunningSystem(env: NodeJS.ProcessEnv): z.infer<typeof STACK_FILE> | undefined {
  try {
    const file = resolve(env.STRANGLER_STATE || '.strangler', 'stack.json');
    return STACK_FILE.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}
