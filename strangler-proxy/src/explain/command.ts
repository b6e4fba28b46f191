import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadMigrations } from 'strangler-migrations/define';
import { NO_FLAGS } from '../decide/flags.ts';
import { keptOrders } from '../decide/kept-orders.ts';
import { orderedOwnership } from '../decide/ownership.ts';
import { stillFlags } from '../decide/still-flags.ts';
import { readRunningSystem, stateOfRunningSystem } from '../running-system.ts';
import { UPSTREAM_PREFIX } from '../upstream-config.ts';
import { type Explanation, explain } from './explain.ts';
import { type ReadFlags, readFlags } from './read-flags.ts';

/** What `explain --help` prints. */
export const EXPLAIN_HELP = `strangler-proxy explain says where a request would go, and why. It sends it nowhere.

Examples
  strangler-proxy explain GET /api/products/7
  strangler-proxy explain GET /api/products/7 --user 42
  strangler-proxy explain POST /api/orders --json

Options
  --user <key>             Who asks: the value of the cookie strangler_visitor, which shares are taken of
  --migrations <folder>    Declarations (STRANGLER_MIGRATIONS)
  --unleash-url <url>      API of the flag server (UNLEASH_URL); where it does not answer, what the proxy keeps holds
  --unleash-token <token>  A backend client token of the flag server (UNLEASH_TOKEN)
  --state <folder>         State folder of the proxy (STRANGLER_STATE)
  --json                   One JSON object

What is not given is taken from a running "npm start".
`;

const OPTIONS = {
  user: { type: 'string' },
  migrations: { type: 'string' },
  'unleash-url': { type: 'string' },
  'unleash-token': { type: 'string' },
  state: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Runs `explain`. @returns the exit status @throws Error for what the person has to mend */
export async function explainCommand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(EXPLAIN_HELP);
    return 0;
  }
  const [method, target, ...more] = positionals;
  if (method === undefined || target === undefined || more.length > 0 || !/^[A-Z]+$/.test(method)) {
    throw new Error('say a method and a target: strangler-proxy explain GET /api/products/7');
  }
  const running = readRunningSystem(env);
  const folder = values.migrations ?? (env.STRANGLER_MIGRATIONS || running?.migrations);
  if (folder === undefined) {
    throw new Error(
      'it is not known which routes are declared: start the system ("npm start"), or give --migrations <folder>',
    );
  }
  const state =
    values.state ?? (running === undefined ? env.STRANGLER_STATE || '.strangler/proxy' : stateOfRunningSystem(env));
  const url = values['unleash-url'] ?? (env.UNLEASH_URL || undefined);
  const token = values['unleash-token'] ?? (env.UNLEASH_TOKEN || undefined);
  const flagSource =
    url === undefined
      ? { url: running?.unleash_url, token: token ?? running?.unleash_client_token, state }
      : { url, token, state };
  const [migrations, flags] = await Promise.all([loadMigrations(folder), readFlags(flagSource)]);
  const capabilities = migrations.map(({ capability }) => capability);
  const ownership = orderedOwnership(capabilities, keptOrders(join(state, 'ownership')));
  const still = stillFlags(flags.said);
  const explanation = explain(
    { method, target, user: values.user },
    { migrations, flags: { ...NO_FLAGS, ...still }, ownership },
  );
  still.close();
  const address = explanation.upstream === null ? null : addressOf(explanation.upstream, env, running?.urls);
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ ...explanation, address, flags_from: flags.from, flags_note: flags.note })}\n`
      : text(explanation, address, flags),
  );
  return 0;
}

function addressOf(
  upstream: string,
  env: NodeJS.ProcessEnv,
  urls: Readonly<Record<string, string>> = {},
): string | null {
  const variable = UPSTREAM_PREFIX + upstream.toUpperCase().replaceAll('-', '_');
  return env[variable] ?? urls[upstream] ?? null;
}

function text(explanation: Explanation, address: string | null, flags: ReadFlags): string {
  const { method, target, user, rules, upstream, why, fallback, shadow } = explanation;
  const lines = [`${method} ${target}${user === null ? '' : `, asked by ${user}`}`, ''];
  rules.forEach(({ rule, decides, says }, i) => {
    lines.push(`  ${i + 1}. ${rule.padEnd(12)} ${decides ? '=>' : '  '} ${says}`);
  });
  lines.push('');
  if (upstream === null) lines.push('It depends on who asks.');
  else lines.push(`It goes to ${upstream}${address === null ? '' : ` (${address})`}: ${why}.`);
  if (fallback !== null) lines.push(`If that fails before a byte of its answer was sent, ${fallback} answers.`);
  lines.push(`Shadow: ${shadow}.`, `Flags: ${flags.note}.`);
  return `${lines.join('\n')}\n`;
}
