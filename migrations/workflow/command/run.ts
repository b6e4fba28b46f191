import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { accept } from './accept.ts';
import { change } from './change.ts';
import { control } from './control.ts';
import { create } from './create.ts';
import { doctor } from './doctor.ts';
import { forget } from './forget.ts';
import { guard } from './guard.ts';
import { log } from './log.ts';
import { PROXY_VERBS, runProxyCommand } from './proxy-command.ts';
import { retire } from './retire.ts';
import { readSettings, SETTINGS_OPTIONS } from './settings.ts';
import { stage } from './stage.ts';
import { status } from './status.ts';
import type { Terminal } from './terminal.ts';
import { HELP, UsageError } from './usage.ts';
import { verify } from './verify.ts';
import { cancel } from './withdraw.ts';

/** Which options each verb takes besides those for the settings, and whether it takes words. */
const VERBS = {
  status: { takes: ['json', 'watch'], words: false },
  create: { takes: ['json', 'dry-run'], words: false },
  verify: { takes: ['json'], words: true },
  stage: { takes: ['json', 'dry-run'], words: true },
  cutover: { takes: ['json', 'dry-run', 'force', 'reason'], words: true },
  rollback: { takes: ['json', 'dry-run', 'force', 'reason'], words: true },
  retire: { takes: ['json', 'dry-run', 'yes', 'reason'], words: true },
  cancel: { takes: ['json', 'dry-run', 'reason'], words: true },
  forget: { takes: ['json', 'dry-run'], words: true },
  log: { takes: ['json', 'limit'], words: true },
  doctor: { takes: ['json'], words: false },
  compare: { takes: ['json', 'dry-run'], words: true },
  guard: { takes: ['json'], words: true },
  control: { takes: [], words: false },
} as const satisfies Record<string, { takes: readonly string[]; words: boolean }>;

const OPTIONS = {
  ...SETTINGS_OPTIONS,
  json: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  watch: { type: 'boolean' },
  force: { type: 'string', multiple: true },
  reason: { type: 'string' },
  yes: { type: 'boolean' },
  limit: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/**
 * Runs one `strangler` command and gives its exit status: 0 done, 1 error, 2 found wanting. Never throws: what goes wrong
 * is said on the terminal, and with `--json` once more as the one object.
 */
export async function runCommand(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<number> {
  return run(args, environment, terminal).catch((error) => fail(error, args, terminal));
}

async function run(args: readonly string[], environment: NodeJS.ProcessEnv, terminal: Terminal): Promise<number> {
  if (PROXY_VERBS.includes(args[0] ?? '')) return runProxyCommand(args);
  const { values, positionals } = parse(args);
  const { json = false, 'dry-run': dryRun = false, watch = false } = values;
  const [verb, ...words] = positionals;
  if (values.help || verb === 'help') {
    terminal.print(HELP);
    return 0;
  }
  if (values.version) {
    terminal.print(version());
    return 0;
  }
  if (verb === undefined || !isVerb(verb)) {
    throw new UsageError(
      `${verb === undefined ? 'which verb?' : `there is no verb "${verb}":`} ${[...Object.keys(VERBS), ...PROXY_VERBS].join(', ')}`,
    );
  }
  const { takes, words: takesWords } = VERBS[verb];
  const foreign = (['json', 'dry-run', 'watch', 'force', 'reason', 'yes', 'limit'] as const).find(
    (option) => values[option] !== undefined && !(takes as readonly string[]).includes(option),
  );
  if (foreign) throw new UsageError(`${verb} knows no --${foreign}`);
  if (json && watch) throw new UsageError('--json prints one object, --watch never ends: take one of the two');
  if (!takesWords && words.length > 0) throw new UsageError(`${verb} takes no "${words.join(' ')}"`);
  if (verb === 'control') return control(environment);
  const folder = values.migrations ?? (environment.STRANGLER_MIGRATIONS || 'migrations');
  if (verb === 'compare') return accept(folder, { json, dryRun, words }, terminal);
  if (verb === 'guard') return guard(folder, { json, words }, terminal);

  const { unleash, token, migrations, control: controlUrl, force = [], reason, limit, yes = false } = values;
  const settings = readSettings({ unleash, token, migrations, control: controlUrl }, environment);
  switch (verb) {
    case 'create':
      return create(settings, { json, dryRun }, terminal);
    case 'status':
      return status(settings, { json, watch }, terminal);
    case 'stage':
      return stage(settings, { json, dryRun, words }, terminal);
    case 'verify':
      return verify(settings, { json, words }, terminal);
    case 'cutover':
    case 'rollback':
      return change(settings, { kind: verb, json, dryRun, words, force, reason }, terminal);
    case 'retire':
      return retire(settings, { json, dryRun, words, yes, reason }, terminal);
    case 'cancel':
      return cancel(settings, { json, dryRun, words, reason }, terminal);
    case 'forget':
      return forget(settings, { json, dryRun, words }, terminal);
    case 'log':
      return log(settings, { json, words, limit }, terminal);
    case 'doctor':
      return doctor(settings, { json }, terminal);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function isVerb(word: string): word is keyof typeof VERBS {
  return Object.hasOwn(VERBS, word);
}

const FORESEEN = [
  'RuleNotWritten',
  ...['UsageError', 'SettingsError', 'MigrationError', 'StageError', 'UnleashError'],
  ...['ControlError', 'ControlConfigError', 'GuardBusy'],
];

/** Says what went wrong; the stack only where nobody has foreseen it. */
function fail(error: unknown, args: readonly string[], { print, talk }: Terminal): number {
  const { name, message, stack } = error as Error & { faults?: unknown };
  const foreseen = FORESEEN.includes(name);
  talk(`strangler: ${foreseen ? message : stack}`);
  if (error instanceof UsageError) talk('\nstrangler --help has examples.');
  if (args.includes('--json')) {
    const { faults } = error as { faults?: unknown };
    print(JSON.stringify({ error: message, ...(faults === undefined ? {} : { faults }) }));
  }
  return 1;
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
