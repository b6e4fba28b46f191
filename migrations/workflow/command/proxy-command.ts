import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UsageError } from './usage.ts';

/** Verbs that are the proxy's: it is another package, and is asked by its command. */
export const PROXY_VERBS: readonly string[] = ['record', 'replay'];

/** Runs `strangler-proxy <verb> ...` of the project one stands in. Gives its exit status. @throws {UsageError} */
export async function runProxyCommand(args: readonly string[]): Promise<number> {
  let program: string;
  try {
    program = createRequire(join(process.cwd(), 'package.json')).resolve('strangler-proxy/cli');
  } catch {
    throw new UsageError(`${args[0]} is done by the package strangler-proxy, which is not installed here`);
  }
  const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' });
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return status ?? (signal === null ? 0 : 1);
}
