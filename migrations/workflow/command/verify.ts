import { controlClient } from './control-client.ts';
import type { Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage.ts';

const VERIFY_MS_MAX = 24 * 3_600_000;

/** `strangler verify`. Gives its exit status: 2 unless every row was proved equal. */
export async function verify(
  settings: Settings,
  options: { readonly json: boolean; readonly words: readonly string[] },
  terminal: Terminal,
): Promise<number> {
  const [capability, ...rest] = options.words;
  if (capability === undefined || rest.length > 0) throw new UsageError('which capability? strangler verify catalog');
  terminal.talk(`Change data capture compares every row of ${capability} in both databases ...`);
  const path = `/verify/${encodeURIComponent(capability)}`;
  const found = (await controlClient(settings.control).post(path, {}, VERIFY_MS_MAX)) as {
    verdict: string;
    rows: number;
    note: string | null;
  };
  if (options.json) terminal.print(JSON.stringify(found));
  else {
    terminal.print(
      `${capability}: ${found.verdict}, ${found.rows} rows${found.note === null ? '' : `; ${found.note}`}`,
    );
    const next =
      found.verdict === 'equal' ? `strangler cutover ${capability} --dry-run` : 'npx cdc reconcile --dry-run';
    terminal.talk(`\nNext: ${next}`);
  }
  return found.verdict === 'equal' ? 0 : 2;
}
