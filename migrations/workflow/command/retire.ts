import type { CapabilityStatus } from '../control/control-plane.ts';
import { statusOf, whoAsks } from './change.ts';
import { controlClient } from './control-client.ts';
import type { Settings } from './settings.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage.ts';

/** `strangler retire`: shows the evidence, and with `--yes` ends the way back. Nothing undoes it. */
export async function retire(
  settings: Settings,
  options: {
    readonly json: boolean;
    readonly dryRun: boolean;
    readonly words: readonly string[];
    readonly yes: boolean;
    readonly reason: string | undefined;
  },
  terminal: Terminal,
): Promise<number> {
  const [capability, ...rest] = options.words;
  if (capability === undefined || rest.length > 0) throw new UsageError('which capability? strangler retire catalog');
  const control = controlClient(settings.control);
  const found = await statusOf(control, capability);
  if (found.owner !== 'service') {
    throw new UsageError(
      `the monolith owns ${capability}: there is nothing to retire. strangler cutover ${capability}`,
    );
  }
  const evidence = evidenceOf(found);
  const isDone = options.yes && !options.dryRun;
  const by = { who: whoAsks(), why: options.reason ?? 'strangler retire' };
  const after = isDone ? await control.post(`/retire/${encodeURIComponent(capability)}`, by) : null;
  if (options.json) terminal.print(JSON.stringify({ capability, dry_run: !isDone, evidence, after }));
  else {
    terminal.print(formatTable(evidence.map(({ what, found: text }) => [{ text: what }, { text }])));
    if (isDone)
      terminal.talk('\nRetired. Next: take the routes and tables out of the monolith, and the flags out of Unleash');
    else {
      terminal.talk('\nThis is the only step that cannot be undone: both streams end and give up their slots, and the');
      terminal.talk(`monolith's copy is never fresh again. Next: strangler retire ${capability} --yes --reason "..."`);
    }
  }
  return isDone || options.dryRun ? 0 : 2;
}

function evidenceOf({ capability, routes, guard, streams, verification }: CapabilityStatus) {
  const still = routes.filter(({ requests }) => requests.monolith > 0);
  const calls = still.map(({ route, requests }) => `${route} ${requests.monolith}`).join(', ');
  return [
    { what: 'answered by the monolith', found: `since the proxies started: ${calls === '' ? 'nothing' : calls}` },
    { what: 'refused at the monolith', found: `${guard.monolith?.refused ?? 0} writes past the proxy, ever` },
    {
      what: 'rows',
      found: verification === null ? 'never verified' : `${verification.verdict}, ${verification.rows} rows`,
    },
    { what: 'reverse stream', found: `${streams.reverse?.parked_events ?? 0} events parked` },
    { what: 'would end', found: `both streams of ${capability}, their slots and publications; rollback` },
  ];
}
