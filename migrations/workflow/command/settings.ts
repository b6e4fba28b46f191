import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { UnleashAccess } from '../unleash.ts';

/** The flags that every verb takes. */
export const SETTINGS_OPTIONS = {
  unleash: { type: 'string' },
  token: { type: 'string' },
  migrations: { type: 'string' },
  control: { type: 'string' },
} as const;

/** The control plane: each instance of it, and the token for commands. */
export interface ControlAccess {
  readonly urls: readonly string[];
  readonly token: string;
}

/** Where flags, declarations and the control plane are. */
export interface Settings {
  readonly unleash: UnleashAccess;
  /** The folder of the declarations. */
  readonly migrations: string;
  /** Undefined where none is known: verbs that need it say so. */
  readonly control: ControlAccess | undefined;
  /** `monolith`, or the name of a service -> connection URL as an administrator, for what installs and removes. */
  readonly databases: Readonly<Record<string, string>>;
}

/** The command cannot know where to work; the message lists everything that is missing or wrong. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

type Given = Readonly<Record<keyof typeof SETTINGS_OPTIONS, string | undefined>>;

/** What the command reads of the file that the launcher leaves beside a running system. */
const stackFile = z.object({
  urls: z.object({ flags: z.url(), control: z.url().optional() }),
  unleash_admin_token: z.string(),
  control_token: z.string().optional(),
  /** As their administrators reach the databases. */
  administrators: z.record(z.string(), z.string()).default({}),
  migrations: z.string(),
});

const settings = z.object({
  url: z.url({ protocol: /^https?$/, error: 'has to be an http:// URL' }),
  token: z.string().regex(/^\S+$/, 'has to be one word'),
  migrations: z.string().min(1),
});

const NAMES: Readonly<Record<string, string>> = {
  url: "Unleash's URL (--unleash URL, or UNLEASH_ADMIN_URL)",
  token: "Unleash's admin token (--token T, or UNLEASH_ADMIN_TOKEN)",
  migrations: 'The folder of the declarations (--migrations DIR, or STRANGLER_MIGRATIONS)',
};

/**
 * Takes each setting from the first that has it: the flags, the environment, the `stack.json` of a running `npm start`.
 * That file's token is for that file's server, and is never sent to another.
 *
 * @throws {SettingsError}
 */
export function readSettings(given: Given, environment: NodeJS.ProcessEnv): Settings {
  const file = resolve(environment.STRANGLER_STATE || '.strangler', 'stack.json');
  const stack = readStackFile(file);
  const url = given.unleash ?? (environment.UNLEASH_ADMIN_URL || environment.UNLEASH_URL || undefined);
  const token = given.token ?? (environment.UNLEASH_ADMIN_TOKEN || undefined);
  const result = settings.safeParse({
    url: url ?? stack?.urls.flags,
    token: token ?? (url === undefined ? stack?.unleash_admin_token : undefined),
    migrations: given.migrations ?? (environment.STRANGLER_MIGRATIONS || stack?.migrations),
  });
  if (result.success) {
    const { migrations, ...unleash } = result.data;
    const control = readControl(given.control, environment, stack);
    return { unleash, migrations: resolve(migrations), control, databases: readDatabases(environment, stack) };
  }
  const problems = result.error.issues.map((issue) => {
    const missing = issue.code === 'invalid_type';
    return `- ${NAMES[String(issue.path[0])]} ${missing ? 'is not known' : issue.message}`;
  });
  const hint =
    stack === undefined
      ? `There is no ${file}: a running "npm start" writes one, and then none of this is needed.`
      : '';
  throw new SettingsError([...problems, hint].filter(Boolean).join('\n'));
}

type StackFile = z.infer<typeof stackFile>;

function readControl(
  given: string | undefined,
  environment: NodeJS.ProcessEnv,
  stack: StackFile | undefined,
): ControlAccess | undefined {
  const list = given ?? (environment.STRANGLER_CONTROL_URL || undefined);
  const token = environment.STRANGLER_CONTROL_TOKEN || (list === undefined ? stack?.control_token : undefined);
  const urls = list?.split(',').flatMap((url) => url.trim() || []) ?? [stack?.urls.control ?? []].flat();
  return token === undefined || urls.length === 0 ? undefined : { urls, token };
}

/** The environment names them one by one; what it does not name is the running system's, if that is the one meant. */
function readDatabases(environment: NodeJS.ProcessEnv, stack: StackFile | undefined): Record<string, string> {
  const databases: Record<string, string> = { ...stack?.administrators };
  for (const [name, value] of Object.entries(environment)) {
    const [, side] = /^STRANGLER_DATABASE_(\w+)$/.exec(name) ?? [];
    if (side !== undefined && value) databases[side.toLowerCase().replaceAll('_', '-')] = value;
  }
  return databases;
}

function readStackFile(file: string): StackFile | undefined {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new SettingsError(`${file} cannot be read: ${(error as Error).message}`);
  }
  try {
    return stackFile.parse(JSON.parse(content));
  } catch {
    throw new SettingsError(`${file} is damaged. Start the system again ("npm start"), or name everything by flags.`);
  }
}
