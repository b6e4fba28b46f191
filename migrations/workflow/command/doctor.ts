import type { StatusReport } from '../control/control-plane.ts';
import type { Check } from '../cutover/prepare.ts';
import { controlClient } from './control-client.ts';
import type { Settings } from './settings.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

const CHECK_MS_MAX = 600_000;

/** `strangler doctor`: what would stand in the way of the next change of owner. Gives its exit status. */
export async function doctor(
  settings: Settings,
  options: { readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const control = controlClient(settings.control);
  const { capabilities, proxies } = (await control.get('/status')) as StatusReport;
  const found: { capability: string; kind: string; trouble: string | null; checks: readonly Check[] }[] = [];
  for (const { capability, owner, trouble } of capabilities) {
    const kind = owner === 'service' ? 'rollback' : 'cutover';
    const asked = { capability, kind, who: 'doctor', why: 'doctor', dry_run: true };
    const { checks } = (await control.post('/requests', asked, CHECK_MS_MAX)) as { checks: readonly Check[] };
    found.push({ capability, kind, trouble, checks });
  }
  const isFine = found.every(({ trouble, checks }) => trouble === null && checks.every(({ ok }) => ok));
  if (options.json) terminal.print(JSON.stringify({ capabilities: found, proxies }));
  else {
    for (const { capability, kind, trouble, checks } of found) {
      terminal.print(`${capability}, before a ${kind}`);
      if (trouble !== null) terminal.print(terminal.paint('red', `  WANTING  ${trouble}`));
      const rows = checks.flatMap(({ check, ok, found: what, mend }) => [
        [{ text: `  ${ok ? 'ok' : 'WANTING'}` }, { text: check }, { text: what }],
        ...(ok || mend === null ? [] : [[{ text: '' }, { text: '' }, { text: `-> ${mend}` }]]),
      ]);
      terminal.print(formatTable(rows));
    }
    terminal.talk(`\nNext: ${isFine ? 'strangler status' : 'mend what is wanting, and look again'}`);
  }
  return isFine ? 0 : 2;
}
