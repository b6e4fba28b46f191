import { loadMigrations, type Migration } from 'strangler-migrations/define';
import { DEFAULT_ROLES, removeGuard } from '../guard/index.ts';
import { statusOf, whoAsks } from './change.ts';
import { controlClient } from './control-client.ts';
import { withSession } from './session.ts';
import type { Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage.ts';

/**
 * `strangler cancel`: ends an attempt that is under way, if it can still be undone; and if none is and the monolith owns the
 * writes, takes the guard out of both databases again.
 */
export async function cancel(
  settings: Settings,
  options: {
    readonly json: boolean;
    readonly dryRun: boolean;
    readonly words: readonly string[];
    readonly reason: string | undefined;
  },
  terminal: Terminal,
): Promise<number> {
  const [capability, ...rest] = options.words;
  if (capability === undefined || rest.length > 0) throw new UsageError('which capability? strangler cancel catalog');
  const migration = (await loadMigrations(settings.migrations)).find((each) => each.capability === capability);
  const control = controlClient(settings.control);
  const { owner, epoch, under_way, guard } = await statusOf(control, capability);
  const answer = (did: string, next: string): number => {
    if (options.json) terminal.print(JSON.stringify({ capability, dry_run: options.dryRun, owner, epoch, did }));
    else {
      terminal.print(`${options.dryRun ? 'would   ' : ''}${did}`);
      terminal.talk(`\nNext: ${next}`);
    }
    return 0;
  };
  if (under_way !== null) {
    const by = { who: whoAsks(), why: options.reason ?? 'strangler cancel' };
    if (!options.dryRun) await control.post(`/withdraw/${encodeURIComponent(capability)}`, by);
    return answer(
      `withdraw the ${under_way.kind} of ${capability} that is under way, unless it is flipped`,
      'strangler status',
    );
  }
  if (owner !== 'monolith') {
    throw new UsageError(
      `the service owns ${capability}: what can be cancelled is the monolith's. strangler rollback ${capability}`,
    );
  }
  if (guard.monolith === null && guard.service === null)
    return answer('nothing: there is no guard', 'strangler create');
  if (!options.dryRun) await removeBoth(settings, migration as Migration, terminal);
  return answer(`take the guard of ${capability} out of both databases`, 'strangler create');
}

async function removeBoth(settings: Settings, { capability, service }: Migration, { talk }: Terminal): Promise<void> {
  // The service's last: while its row is there, the reverse stream is.
  for (const name of ['monolith', service]) {
    await withSession(settings.databases, name, (query) =>
      removeGuard(query, { capability, ...DEFAULT_ROLES }, { progress: ({ title }) => talk(`${name}: ${title}`) }),
    );
  }
}
