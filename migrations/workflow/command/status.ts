import { setTimeout as sleep } from 'node:timers/promises';
import { loadMigrations } from 'strangler-migrations/define';
import type { StatusReport } from '../control/control-plane.ts';
import { type FlagState, type ReadState, readStages, type Stage, type Stages, type WriteState } from '../stages.ts';
import { ENVIRONMENT, openUnleash, UnleashError } from '../unleash.ts';
import { controlClient } from './control-client.ts';
import { dataTable } from './data-table.ts';
import type { Settings } from './settings.ts';
import { type Cell, formatTable } from './table.ts';
import type { Style, Terminal } from './terminal.ts';

const WATCH_INTERVAL_MS = 1_000;
const CLEAR_SCREEN = '\x1b[H\x1b[J';
const STYLES: Readonly<Record<Stage, Style>> = { off: 'dim', shadow: 'cyan', canary: 'yellow', live: 'green' };

/** `strangler status`. Gives its exit status: 2 if declared flags are missing. */
export async function status(
  settings: Settings,
  options: { json: boolean; watch: boolean },
  terminal: Terminal,
): Promise<number> {
  const migrations = await loadMigrations(settings.migrations);
  const unleash = openUnleash(settings.unleash);
  const read = async (): Promise<Whole> => {
    const [stages, data] = await Promise.all([readStages(migrations, unleash), readData(settings)]);
    return { stages, data };
  };
  if (options.watch) return watch(read, unleash.url, terminal);
  const whole = await read();
  if (options.json) terminal.print(JSON.stringify(statusJson(whole, unleash.url)));
  else terminal.print(describe(whole, unleash.url, terminal));
  if (!options.json) terminal.talk(advice(whole));
  return whole.stages.missing.length === 0 ? 0 : 2;
}

/** What the flags say, and what the control plane knows; or why it cannot be asked. */
interface Whole {
  readonly stages: Stages;
  readonly data: StatusReport | { readonly trouble: string };
}

async function readData({ control }: Settings): Promise<Whole['data']> {
  if (control === undefined) return { trouble: 'no control plane is known (--control URL, STRANGLER_CONTROL_TOKEN)' };
  return (controlClient(control).get('/status') as Promise<StatusReport>).catch((error: Error) => ({
    trouble: error.message,
  }));
}

/** Draws the table again and again until it is interrupted: in place on a terminal, elsewhere only what has changed. */
async function watch(read: () => Promise<Whole>, url: string, terminal: Terminal): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  let shown = '';
  while (!interrupted.signal.aborted) {
    const text = await read().then(
      (whole) => describe(whole, url, terminal),
      (error) => {
        if (error instanceof UnleashError) return terminal.paint('red', error.message);
        throw error;
      },
    );
    if (terminal.interactive) terminal.print(`${CLEAR_SCREEN}${text}\n\n${terminal.paint('dim', 'Ctrl-C ends this.')}`);
    else if (text !== shown) terminal.print(text);
    shown = text;
    await sleep(WATCH_INTERVAL_MS, undefined, { signal: interrupted.signal }).catch(() => {});
  }
  return 0;
}

function describe({ stages, data }: Whole, url: string, terminal: Terminal): string {
  const { paint } = terminal;
  const switched = stages.killSwitch.enabled
    ? paint('red', 'ON: every read goes to the owner of its data, whatever stands below')
    : 'off';
  const head = ['ROUTE', 'METHOD', 'PATH', 'STAGE', 'SERVED BY SERVICE', 'SHADOWED'].map(
    (text): Cell => ({ text, paint: (plain) => paint('bold', plain) }),
  );
  const rows = stages.routes.map((state) => row(state, terminal));
  const owners = 'trouble' in data ? paint('dim', `Data: ${data.trouble}`) : dataTable(data, terminal);
  return `Unleash ${url}, environment ${ENVIRONMENT}; kill switch ${switched}\n\n${formatTable([head, ...rows])}\n\n${owners}`;
}

function row(state: ReadState | WriteState, { paint }: Terminal): readonly Cell[] {
  const { capability, route } = state;
  const name = [{ text: `${capability}.${route.id}` }, { text: route.method }, { text: route.path }];
  if (state.kind === 'write') {
    const text = `moves with ${state.write.flag} (${state.write.enabled ? 'on' : 'off'})`;
    return [...name, { text, paint: (plain) => paint('dim', plain) }];
  }
  const { stage, serve, shadow } = state;
  return [
    ...name,
    { text: stage, paint: (plain) => paint(STYLES[stage], plain) },
    { text: shareText(serve) },
    { text: shareText(shadow) },
  ];
}

/** `20 %`, or why there is no such number. */
export function shareText({ found, enabled, share }: FlagState): string {
  if (found === undefined) return 'no flag';
  if (!enabled) return '-';
  return share === null ? 'by hand' : `${share} %`;
}

function advice({ stages: { missing, routes }, data }: Whole): string {
  if (missing.length > 0) {
    return `\n${missing.length} declared flags are not in Unleash, or archived, and read as off. Next: strangler create`;
  }
  const next = routes.find((state) => state.kind === 'read' && state.stage === 'off');
  if (next) return `\nNext: strangler stage ${next.capability}.${next.route.id} shadow`;
  const owned = 'trouble' in data ? undefined : data.capabilities.find(({ owner }) => owner === 'monolith');
  return owned ? `\nNext: strangler cutover ${owned.capability} --dry-run` : '';
}

/** What `strangler status --json` prints; `share` is in percent, and null where a person has set more than a share. */
export function statusJson({ stages, data }: Whole, url: string) {
  const flag = ({ flag: name, found, enabled, share }: FlagState) => ({
    flag: name,
    exists: found !== undefined,
    enabled,
    share,
  });
  return {
    unleash: url,
    environment: ENVIRONMENT,
    kill_switch: stages.killSwitch.enabled,
    routes: stages.routes.map((state) => {
      const { capability, route, kind } = state;
      const named = { capability, route: route.id, kind, method: route.method, path: route.path };
      if (state.kind === 'write') return { ...named, stage: null, write: flag(state.write) };
      return { ...named, stage: state.stage, serve: flag(state.serve), shadow: flag(state.shadow) };
    }),
    missing_flags: stages.missing,
    data: 'trouble' in data ? null : data.capabilities,
    proxies: 'trouble' in data ? null : data.proxies,
    notes: 'trouble' in data ? [data.trouble] : [],
  };
}
