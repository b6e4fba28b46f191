import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { create } from './create.ts';
import { readSettings, SETTINGS_OPTIONS } from './settings.ts';
import { stage } from './stage.ts';
import { status } from './status.ts';
import type { Terminal } from './terminal.ts';
import { HELP, UsageError } from './usage.ts';

/** Which options each verb takes besides those for the settings. */
const VERBS = {
  create: ['json', 'dry-run'],
  status: ['json', 'watch'],
  stage: ['json', 'dry-run'],
} as const;

const OPTIONS = {
  ...SETTINGS_OPTIONS,
  json: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  watch: { type: 'boolean' },
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
      `${verb === undefined ? 'which verb?' : `there is no verb "${verb}":`} ${Object.keys(VERBS).join(', ')}`,
    );
  }
  const foreign = (['json', 'dry-run', 'watch'] as const).find(
    (option) => values[option] && !(VERBS[verb] as readonly string[]).includes(option),
  );
  if (foreign) throw new UsageError(`${verb} knows no --${foreign}`);
  if (json && watch) throw new UsageError('--json prints one object, --watch never ends: take one of the two');
  if (verb !== 'stage' && words.length > 0) throw new UsageError(`${verb} takes no "${words.join(' ')}"`);

  const { unleash, token, migrations } = values;
  const settings = readSettings({ unleash, token, migrations }, environment);
  switch (verb) {
    case 'create':
      return create(settings, { json, dryRun }, terminal);
    case 'status':
      return status(settings, { json, watch }, terminal);
    case 'stage':
      return stage(settings, { json, dryRun, words }, terminal);
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

/** Says what went wrong; the stack only where nobody has foreseen it. */
function fail(error: unknown, args: readonly string[], { print, talk }: Terminal): number {
  const { name, message, stack } = error as Error & { faults?: unknown };
  const foreseen = ['UsageError', 'SettingsError', 'MigrationError', 'StageError', 'UnleashError'].includes(name);
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
