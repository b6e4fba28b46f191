import { readFileSync } from 'node:fs';
import { parseArgs, parseEnv } from 'node:util';
import { z } from 'zod';
import type { HoldLimits } from './decide/hold.ts';
import { peerReader } from './forward/peer.ts';
import type { UpstreamOptions } from './forward/upstreams.ts';
import { IDENTITY_KEY, type IdentityConfig, readIdentityKeys } from './identity-config.ts';
import { DATABASE_PREFIX, PIN_KEY, type PinConfig, readPinConfig } from './pin-config.ts';
import { readUpstreams, SETTINGS, SETTINGS_PREFIX, UPSTREAM_PREFIX } from './upstream-config.ts';

/** Everything that the command can be told. */
export interface Config extends PinConfig, IdentityConfig {
  readonly port: number;
  readonly host: string;
  readonly adminPort: number;
  /** Without one, what the admin port shows beyond health and metrics is for this machine alone. */
  readonly adminToken: string | undefined;
  /** Folder of declarations. */
  readonly migrations: string;
  /** Name -> where it is, and how it is treated if that was told. */
  readonly upstreams: Readonly<Record<string, string | UpstreamOptions>>;
  /** Undefined: no flag server, every flag is off. */
  readonly unleash: { readonly url: string; readonly token: string } | undefined;
  /** Undefined: no control plane, and owners stay as they are. */
  readonly control: { readonly urls: readonly string[]; readonly token: string } | undefined;
  /** What the control plane knows this proxy by; undefined: one that is made up once and kept in the state folder. */
  readonly name: string | undefined;
  readonly hold: Required<HoldLimits>;
  /** Folder for what has to survive a restart. */
  readonly state: string;
  readonly servedBy: boolean;
  readonly trustProxy: readonly string[];
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** Faults of the configuration, all of them, each with how to mend it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** One option: its flag, the environment variable for the same, and what `--help` says. */
interface Option {
  readonly flag: string;
  readonly variable: string;
  readonly value: string;
  readonly help: string;
  readonly schema: z.ZodType;
}

const port = z.coerce.number('has to be a port number').int().min(0).max(65_535);
const http = z.url({ protocol: /^https?$/, error: 'has to be an http:// or https:// URL' });

const OPTIONS = [
  option('port', 'PORT', 'number', 'Where shoppers are served (8080); 0 takes a free port', port.default(8080)),
  option('host', 'HOST', 'address', 'Address to listen on (127.0.0.1)', z.string().min(1).default('127.0.0.1')),
  option('admin-port', 'ADMIN_PORT', 'number', '/livez, /readyz, /metrics and pages (8081)', port.default(8081)),
  option(
    'migrations',
    'STRANGLER_MIGRATIONS',
    'folder',
    'Declarations, a folder each (migrations)',
    text('migrations'),
  ),
  option('unleash-url', 'UNLEASH_URL', 'url', 'API of the flag server: http://127.0.0.1:4242/api', http.optional()),
  option('unleash-token', 'UNLEASH_TOKEN', 'token', 'A backend client token of the flag server', z.string().optional()),
  option('control-url', 'STRANGLER_CONTROL_URL', 'urls', 'Control plane, each instance of it, with commas', urls()),
  option('name', 'STRANGLER_PROXY_NAME', 'name', 'Of this proxy, as the control plane shows it', name()),
  option(
    'hold-requests',
    'STRANGLER_HOLD_REQUESTS',
    'number',
    'Writes that may wait for a cut-over (1000)',
    bound(1_000),
  ),
  option('hold-mib', 'STRANGLER_HOLD_MIB', 'number', 'Memory that they may take (32)', bound(32)),
  option('hold-ms', 'STRANGLER_HOLD_MS', 'number', 'How long each may wait (10000)', bound(10_000)),
  option('identity', 'STRANGLER_IDENTITY', 'file', 'Module that says whose session a request carries', path()),
  option(
    'state',
    'STRANGLER_STATE',
    'folder',
    'For what survives a restart (.strangler/proxy)',
    text('.strangler/proxy'),
  ),
  option('served-by', 'STRANGLER_SERVED_BY', 'on|off', 'Whether answers carry X-Served-By (on)', onOff()),
  option('trust-proxy', 'STRANGLER_TRUST_PROXY', 'list', 'Hops whose X-Forwarded-* are believed, with commas', hops()),
  option(
    'config',
    'STRANGLER_CONFIG',
    'file',
    'NAME=value lines over the environment; read anew on SIGHUP',
    z.string().optional(),
  ),
  option('log-level', 'LOG_LEVEL', 'level', `${LOG_LEVELS.join(', ')} (info); info logs requests`, level()),
] as const;

/** Environment only: a command line is seen by everyone on the machine. */
const ADMIN_TOKEN = 'STRANGLER_ADMIN_TOKEN';

/** Environment only, too. */
const CONTROL_TOKEN = 'STRANGLER_CONTROL_TOKEN';

/** What `--help` prints. */
export const HELP = `strangler-proxy serves a monolith and the services that take it over, one address for all.

Examples
  # All traffic to the monolith; what nobody declared passes untouched
  strangler-proxy --upstream monolith=http://127.0.0.1:4000 --upstream catalog=http://127.0.0.1:4100

  # The same, with flags that decide which side serves which route
  strangler-proxy --upstream monolith=http://127.0.0.1:4000 --upstream catalog=http://127.0.0.1:4100 \\
    --unleash-url http://127.0.0.1:4242/api --unleash-token default:development.secret

  # Two instances of a service, asked how they are, and none waited for longer than two seconds
  strangler-proxy --upstream monolith=http://127.0.0.1:4000 \\
    --upstream catalog=http://127.0.0.1:4100,http://127.0.0.1:4200 \\
    --settings catalog=health-path=/readyz,headers-timeout-ms=2000

Other commands; each has its own --help
  strangler-proxy explain  says where a request would go, and why, without sending it
  strangler-proxy record   keeps reads that pass a running proxy, with their answers, in a file
  strangler-proxy replay   sends such a file to a service and compares its answers

Options, with the environment variable for the same; a flag wins
${helpLine('--upstream <name=urls>', `${UPSTREAM_PREFIX}<NAME>`, 'monolith, and every service of a migration; repeat it')}
${helpLine('--settings <name=list>', `${SETTINGS_PREFIX}<NAME>`, 'How one upstream is treated, see below; repeat it')}
${OPTIONS.map(({ flag, value, variable, help }) => helpLine(`--${flag} <${value}>`, variable, help)).join('\n')}
${helpLine('', ADMIN_TOKEN, 'Opens the admin pages; without it they are for this machine')}
${helpLine('', CONTROL_TOKEN, 'The token that the control plane takes from proxies')}
${helpLine('', `${DATABASE_PREFIX}<NAME>`, 'Of both sides: then clients read what they wrote')}
${helpLine('', PIN_KEY, 'Signs what clients carry for that; the same for all instances')}
${helpLine('', IDENTITY_KEY, 'Signs what services are told of who asks (PEM); made if missing')}
${helpLine('--help', '', 'Print this')}

Settings of an upstream, with their defaults; several with commas between them
${SETTINGS.map(({ name, help }) => `  ${name.padEnd(24)}${help}`).join('\n')}
`;

/** Reads flags, file and environment. @throws {ConfigError} with every fault at once. */
export function readConfig(args: readonly string[], environment: NodeJS.ProcessEnv): Config {
  const faults: string[] = [];
  const given = readFlags(args, faults);
  const env = { ...environment, ...readFile(given.get('config') ?? environment.STRANGLER_CONFIG, faults) };
  const read: Record<string, unknown> = {};
  for (const { flag, variable, schema } of OPTIONS) {
    const [from, value] = given.has(flag) ? [`--${flag}`, given.get(flag)] : [variable, env[variable]];
    const result = schema.safeParse(value === '' ? undefined : value);
    if (result.success) read[flag] = result.data;
    else faults.push(...result.error.issues.map(({ message }) => `${from}: ${message}`));
  }
  const upstreams = readUpstreams(args, env, faults);
  const pinConfig = readPinConfig(env, faults);
  const identityKeys = readIdentityKeys(env, faults);
  const [url, token] = [read['unleash-url'], read['unleash-token']] as [string | undefined, string | undefined];
  if (url !== undefined && token === undefined) faults.push('UNLEASH_TOKEN is missing: UNLEASH_URL needs a token');
  const controlUrls = read['control-url'] as string[];
  const controlToken = env[CONTROL_TOKEN] || undefined;
  if (controlUrls.length > 0 && controlToken === undefined)
    faults.push(`${CONTROL_TOKEN} is missing: STRANGLER_CONTROL_URL needs a token`);
  if (faults.length > 0) throw new ConfigError(faults);
  return {
    port: read.port as number,
    host: read.host as string,
    adminPort: read['admin-port'] as number,
    adminToken: env[ADMIN_TOKEN] || undefined,
    migrations: read.migrations as string,
    upstreams,
    ...pinConfig,
    identity: read.identity as string | undefined,
    identityKeys,
    unleash: url === undefined || token === undefined ? undefined : { url, token },
    control:
      controlUrls.length === 0 || controlToken === undefined ? undefined : { urls: controlUrls, token: controlToken },
    name: read.name as string | undefined,
    hold: {
      requestsMax: read['hold-requests'] as number,
      bytesMax: (read['hold-mib'] as number) * 1024 * 1024,
      waitMsMax: read['hold-ms'] as number,
    },
    state: read.state as string,
    servedBy: read['served-by'] as boolean,
    trustProxy: read['trust-proxy'] as string[],
    logLevel: read['log-level'] as Config['logLevel'],
  };
}

/** The configuration without its secrets, for the log. */
export function redacted(config: Config): object {
  const { adminToken, unleash, control, databases, pinKeys, identityKeys, ...rest } = config;
  const hidden = '[redacted]';
  return {
    ...rest,
    adminToken: adminToken === undefined ? undefined : hidden,
    unleash: unleash === undefined ? undefined : { url: unleash.url, token: hidden },
    databases: Object.keys(databases),
    pinKeys: pinKeys.map(() => hidden),
    identityKeys: identityKeys.map(() => hidden),
    control: control === undefined ? undefined : { urls: control.urls, token: hidden },
  };
}

/** The lines of a file as the environment would have them. */
function readFile(file: string | undefined, faults: string[]): NodeJS.Dict<string> {
  if (file === undefined || file === '') return {};
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    faults.push(`STRANGLER_CONFIG: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    return {};
  }
}

function readFlags(args: readonly string[], faults: string[]): Map<string, string> {
  const known = Object.fromEntries(OPTIONS.map(({ flag }) => [flag, { type: 'string' as const }]));
  const many = { type: 'string' as const, multiple: true };
  const options = { ...known, upstream: many, settings: many };
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${token.value}: is no option; --help lists them`);
    if (token.kind !== 'option') continue;
    if (!(token.name in options)) faults.push(`${token.rawName}: is no option; --help lists them`);
    else if (token.value === undefined) faults.push(`${token.rawName}: needs a value`);
    else given.set(token.name, token.value);
  }
  return given;
}

function option(flag: string, variable: string, value: string, help: string, schema: z.ZodType): Option {
  return { flag, variable, value, help, schema };
}

function text(preset: string): z.ZodType {
  return z.string().min(1).default(preset);
}

function path(): z.ZodType {
  return z.string().min(1).optional();
}

function onOff(): z.ZodType {
  return z
    .enum(['on', 'off'], 'has to be on or off')
    .default('on')
    .transform((word) => word === 'on');
}

function name(): z.ZodType {
  return z
    .string()
    .regex(/^[\w.-]{1,80}$/, 'has to be letters, digits, dots and dashes')
    .optional();
}

function bound(preset: number): z.ZodType {
  return z.coerce.number('has to be a number').int().positive().default(preset);
}

function urls(): z.ZodType {
  return z
    .string()
    .default('')
    .transform((list) => list.split(',').flatMap((each) => each.trim() || []))
    .pipe(z.array(http));
}

function level(): z.ZodType {
  return z.enum(LOG_LEVELS, `has to be one of ${LOG_LEVELS.join(', ')}`).default('info');
}

function hops(): z.ZodType {
  return z
    .string()
    .default('')
    .transform((list, context) => {
      const entries = list.split(',').flatMap((entry) => entry.trim() || []);
      try {
        peerReader(entries);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
      }
      return entries;
    });
}

function helpLine(flag: string, variable: string, help: string): string {
  return `  ${flag.padEnd(26)}${variable.padEnd(28)}${help}`;
}
