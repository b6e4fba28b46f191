import { controlClient } from './control-client.ts';
import type { Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage.ts';

/** `strangler forget`: a proxy that will not come back is waited for no more. If it does come back, it is known again. */
export async function forget(
  settings: Settings,
  options: { readonly json: boolean; readonly dryRun: boolean; readonly words: readonly string[] },
  terminal: Terminal,
): Promise<number> {
  const [name, ...rest] = options.words;
  if (name === undefined || rest.length > 0) throw new UsageError('which proxy? strangler status names them');
  if (!options.dryRun) await controlClient(settings.control).delete(`/proxies/${encodeURIComponent(name)}`);
  if (options.json) terminal.print(JSON.stringify({ proxy: name, dry_run: options.dryRun }));
  else terminal.print(`${options.dryRun ? 'would forget' : 'forgot'} ${name}`);
  terminal.talk('\nNext: strangler status');
  return 0;
}
