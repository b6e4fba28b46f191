import { loadMigrations } from 'strangler-migrations/define';
import { ensureFlags } from '../ensure-flags.ts';
import type { Settings } from './settings.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** `strangler create`. Gives its exit status. */
export async function create(
  settings: Settings,
  options: { json: boolean; dryRun: boolean },
  terminal: Terminal,
): Promise<number> {
  const migrations = await loadMigrations(settings.migrations);
  const { dryRun } = options;
  const ensured = await ensureFlags({ migrations, unleash: settings.unleash, dryRun });
  const of = (outcome: (typeof ensured)[number]['outcome']) =>
    ensured.filter((each) => each.outcome === outcome).map((each) => each.flag);
  const [created, completed, kept, archived] = [of('created'), of('completed'), of('kept'), of('archived')];
  if (options.json) {
    terminal.print(JSON.stringify({ dry_run: dryRun, created, completed, kept, archived }));
    return 0;
  }
  const would = dryRun ? { created: 'would be created', completed: 'would be completed' } : {};
  const texts = { created: 'created', completed: 'completed', kept: 'kept', archived: 'archived', ...would };
  terminal.print(formatTable(ensured.map(({ flag, outcome }) => [{ text: texts[outcome] }, { text: flag }])));
  const verb = dryRun ? 'would be created' : 'created, all off';
  terminal.talk(
    `\n${created.length + completed.length} flags ${verb}; ${kept.length} were there and are left as they are.`,
  );
  if (archived.length > 0)
    terminal.talk(`${archived.length} are archived in Unleash: revive them there if they are wanted.`);
  terminal.talk(`Next: strangler ${dryRun ? 'create' : 'status'}`);
  return 0;
}
