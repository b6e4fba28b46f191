import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ENGINES } from './forward/instances.ts';
import { addressFault, MONOLITH, type UpstreamOptions } from './forward/upstreams.ts';

export const UPSTREAM_PREFIX = 'STRANGLER_UPSTREAM_';
export const SETTINGS_PREFIX = 'STRANGLER_SETTINGS_';

/** One setting of an upstream, as flags and environment write it. */
interface Setting {
  readonly name: string;
  readonly option: Exclude<keyof UpstreamOptions, 'url'>;
  readonly schema: z.ZodType;
  readonly help: string;
}

const positive = z.coerce.number('has to be a number').int('has to be a whole number').min(1, 'has to be 1 or more');
const path = z.string().regex(/^\/[!-~]*$/, 'has to be a path: /readyz');

/** Every setting of an upstream: what it means and its default are at {@link UpstreamOptions}. */
export const SETTINGS: readonly Setting[] = [
  {
    name: 'connect-timeout-ms',
    option: 'connectTimeoutMs',
    schema: positive,
    help: 'How long a connection may take to be made (3000)',
  },
  {
    name: 'headers-timeout-ms',
    option: 'headersTimeoutMs',
    schema: positive,
    help: 'How long the head of an answer may take (monolith 120000, services 10000)',
  },
  {
    name: 'idle-timeout-ms',
    option: 'idleTimeoutMs',
    schema: positive,
    help: 'How long the body of an answer may stand still (300000)',
  },
  {
    name: 'total-timeout-ms',
    option: 'totalTimeoutMs',
    schema: positive,
    help: 'How long a request may take in all (no bound: as long as it moves)',
  },
  {
    name: 'in-flight-max',
    option: 'inFlightMax',
    schema: positive,
    help: 'Requests under way at once; the next is refused, or falls back (1000)',
  },
  {
    name: 'failures-max',
    option: 'failuresMax',
    schema: positive,
    help: 'Consecutive failures after which an instance is ejected (5)',
  },
  {
    name: 'eject-ms',
    option: 'ejectMs',
    schema: positive,
    help: 'How long it is left alone at first; doubled by each failing probe, up to a minute (5000)',
  },
  {
    name: 'health-path',
    option: 'healthPath',
    schema: path,
    help: 'Where an instance says whether it is well (not asked)',
  },
  { name: 'health-interval-ms', option: 'healthIntervalMs', schema: positive, help: 'How often it is asked (2000)' },
  {
    name: 'cookies',
    option: 'cookies',
    schema: z.enum(['own', 'shared'], 'has to be own or shared'),
    help: "Whether a service's cookies have names of their own at the client (own)",
  },
  {
    name: 'engine',
    option: 'engine',
    schema: z.enum(ENGINES, `has to be one of ${ENGINES.join(', ')}`),
    help: 'What carries its requests: http1 (for http) or undici (always for https) (http1)',
  },
];

/** Where the upstreams are, and how each is treated. Adds what is wrong to `faults`. */
export function readUpstreams(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  faults: string[],
): Record<string, string | UpstreamOptions> {
  const addresses = readPairs('upstream', UPSTREAM_PREFIX, 'catalog=http://127.0.0.1:4100', args, env, faults);
  const settings = readPairs('settings', SETTINGS_PREFIX, 'catalog=health-path=/readyz', args, env, faults);
  if (!addresses.has(MONOLITH)) {
    faults.push(`${UPSTREAM_PREFIX}MONOLITH is missing: say where the monolith is, or use --upstream monolith=<url>`);
  }
  const upstreams: Record<string, string | UpstreamOptions> = {};
  for (const [name, { value: url }] of addresses) {
    faults.push(...addressFault(name, url));
    upstreams[name] = url;
  }
  for (const [name, { value, from }] of settings) {
    const url = addresses.get(name)?.value;
    if (url === undefined) faults.push(`${from}: there is no upstream called ${name}`);
    else upstreams[name] = { url, ...readSettings(value, from, faults) };
  }
  return upstreams;
}

function readSettings(list: string, from: string, faults: string[]): Partial<UpstreamOptions> {
  const read: Record<string, unknown> = {};
  for (const entry of list.split(',')) {
    const [name = '', ...value] = entry.trim().split('=');
    const setting = SETTINGS.find((one) => one.name === name);
    if (setting === undefined) {
      faults.push(`${from}: ${name} is no setting; there are ${SETTINGS.map((one) => one.name).join(', ')}`);
      continue;
    }
    const result = setting.schema.safeParse(value.join('='));
    if (result.success) read[setting.option] = result.data;
    else faults.push(...result.error.issues.map(({ message }) => `${from}: ${name} ${message}`));
  }
  return read;
}

/** What is told about each upstream by one flag, or by the variables of one prefix; a flag wins. */
function readPairs(
  flag: 'upstream' | 'settings',
  prefix: string,
  example: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  faults: string[],
): Map<string, { readonly value: string; readonly from: string }> {
  const pairs = new Map<string, { value: string; from: string }>();
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || value === undefined || value === '') continue;
    pairs.set(variable.slice(prefix.length).toLowerCase().replaceAll('_', '-'), { value, from: variable });
  }
  const options = { [flag]: { type: 'string' as const, multiple: true } };
  const { values } = parseArgs({ args: [...args], options, strict: false });
  for (const pair of [values[flag] ?? []].flat()) {
    if (typeof pair !== 'string') continue;
    const equals = pair.indexOf('=');
    if (equals < 1) faults.push(`--${flag} ${pair}: has to look like ${example}`);
    else pairs.set(pair.slice(0, equals), { value: pair.slice(equals + 1), from: `--${flag}` });
  }
  return pairs;
}
