import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../command-line.ts';
import { readRunningSystem } from '../running-system.ts';
import type { RecordingState } from './recording.ts';

/** What `record --help` prints. */
export const RECORD_HELP = `strangler-proxy record keeps what passes a running proxy, for "strangler-proxy replay".

Reads (GET and HEAD) of declared routes with their answers, credentials and personal data hidden, as an
HTTP Archive (HAR 1.2). It ends after its time or its number of requests, or with Ctrl-C.

Examples
  strangler-proxy record --out monday.har --seconds 60
  strangler-proxy record --out product.har --route catalog.product --requests 200

Options
  --out <file>        Where the archive goes; has to be given
  --seconds <n>       Longest time, up to 3600 (60)
  --requests <n>      Most requests, up to 10000 (1000)
  --route <name>      catalog, or catalog.product; repeat it. Every declared route by default
  --admin <url>       The proxy's admin port; that of a running "npm start" by default
  --token <token>     STRANGLER_ADMIN_TOKEN of that proxy, unless the environment has it
  --json              One JSON object at the end
`;

const OPTIONS = {
  out: { type: 'string' },
  seconds: { type: 'string' },
  requests: { type: 'string' },
  route: { type: 'string', multiple: true },
  admin: { type: 'string' },
  token: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Runs `record`. @returns the exit status @throws Error for what the person has to mend */
export async function recordCommand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) {
    process.stdout.write(RECORD_HELP);
    return 0;
  }
  const { out } = values;
  if (out === undefined) throw new Error('--out is missing: say which file the recording goes to');
  const admin = values.admin ?? readRunningSystem(env)?.urls.proxy_admin;
  if (admin === undefined)
    throw new Error('--admin is missing, and no running "npm start" was found: give the URL of the admin port');
  const token = values.token ?? env.STRANGLER_ADMIN_TOKEN;
  const call = caller(admin, token);

  const order = {
    seconds: wholeNumber('--seconds', values.seconds, 60),
    exchanges: wholeNumber('--requests', values.requests, 1_000),
    routes: values.route ?? [],
  };
  let state = await call<RecordingState>('POST', '/api/recording', order);
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  while (state.state === 'running' && !interrupted) {
    progress(state);
    await sleep(500);
    state = await call<RecordingState>('GET', '/api/recording');
  }
  if (interrupted) state = await call<RecordingState>('POST', '/api/recording/stop', {});
  if (process.stderr.isTTY) process.stderr.write('\n');
  const har = await call<object>('GET', '/api/recording/har');
  writeFileSync(out, `${JSON.stringify(har, undefined, 2)}\n`, { mode: 0o600 });

  const skipped = Object.entries(state.skipped).filter(([, count]) => count > 0);
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ out, ...state })}\n`);
  } else {
    process.stdout.write(`${state.exchanges} requests recorded in ${out} (ended: ${state.ended})\n`);
    for (const [cause, count] of skipped)
      process.stdout.write(`${count} not recorded: ${cause.replaceAll('_', ' ')}\n`);
    process.stdout.write(`Next: strangler-proxy replay ${out} --candidate <url of the service>\n`);
  }
  return 0;
}

function caller(admin: string, token: string | undefined) {
  return async <T>(method: string, path: string, body?: object): Promise<T> => {
    const headers = {
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    };
    const init = {
      method,
      headers,
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const response = await fetch(new URL(path, admin), init).catch((error: Error) => {
      const { code } = (error.cause ?? {}) as { code?: string };
      throw new Error(`the proxy's admin port at ${admin} does not answer (${code ?? error.message}): does it run?`);
    });
    const content = (await response.json()) as T & { title?: string };
    if (!response.ok) throw new Error(`the proxy at ${admin} refuses: ${content.title ?? response.status}`);
    return content;
  };
}

function progress({ exchanges, exchanges_max, seconds_left }: RecordingState): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r${exchanges} of at most ${exchanges_max} requests, ${seconds_left} s left `);
}
