import { loadMigrations } from 'strangler-migrations/define';
import { applyStage, type FlagChange, planStage, type WantedStage } from '../set-stage.ts';
import { type ReadState, readStages, type Stages } from '../stages.ts';
import { openUnleash } from '../unleash.ts';
import type { Settings } from './settings.ts';
import { shareText } from './status.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage.ts';

/** `strangler stage <capability>.<route> <stage> [N%]`. Gives its exit status. */
export async function stage(
  settings: Settings,
  options: { json: boolean; dryRun: boolean; words: readonly string[] },
  terminal: Terminal,
): Promise<number> {
  const [name, ...words] = options.words;
  if (name === undefined) throw new UsageError('which route? strangler stage <capability>.<route> <stage>');
  const wanted = readWanted(words);
  const migrations = await loadMigrations(settings.migrations);
  const unleash = openUnleash(settings.unleash);
  const stages = await readStages(migrations, unleash);
  const before = findRoute(stages, name);
  const changes = planStage(
    before,
    wanted,
    (flag) => `${unleash.url}/projects/${flagProject(before, flag)}/features/${flag}`,
  );
  if (!options.dryRun) await applyStage(unleash, before, changes);
  const after = options.dryRun ? before : findRoute(await readStages(migrations, unleash), name);

  if (options.json) {
    const { capability, route } = before;
    const [was, is] = [stageJson(before), options.dryRun ? null : stageJson(after)];
    terminal.print(
      JSON.stringify({ capability, route: route.id, dry_run: options.dryRun, before: was, changes, after: is }),
    );
    return 0;
  }
  terminal.print(`before  ${describe(before)}`);
  for (const change of changes) terminal.print(`${options.dryRun ? 'would   ' : '        '}${describeChange(change)}`);
  if (changes.length === 0) terminal.print('        nothing to change');
  if (!options.dryRun) terminal.print(`after   ${describe(after)}`);
  if (stages.killSwitch.enabled) {
    terminal.talk('\nThe kill switch is on: until it is off, every read goes to the owner all the same.');
  }
  terminal.talk(`\nNext: ${options.dryRun ? `strangler stage ${options.words.join(' ')}` : next(name, after)}`);
  return 0;
}

/** @throws {UsageError} */
function readWanted(words: readonly string[]): WantedStage {
  const [stage, given, ...rest] = words;
  if (rest.length > 0) throw new UsageError(`what is "${rest.join(' ')}"?`);
  switch (stage) {
    case 'off':
    case 'live':
      if (given !== undefined) throw new UsageError(`"${stage}" takes no share`);
      return { stage, share: 100 };
    case 'shadow':
      return { stage, share: given === undefined ? 100 : readShare(given, 100) };
    case 'canary':
      if (given === undefined) throw new UsageError('a canary of which share? canary 5%');
      return { stage, share: readShare(given, 99) };
    default:
      throw new UsageError(
        `${stage === undefined ? 'to which stage?' : `there is no stage "${stage}":`} off, shadow [N%], canary N%, live`,
      );
  }
}

function readShare(text: string, most: number): number {
  const share = /^\d{1,3}%?$/.test(text) ? Number.parseInt(text, 10) : Number.NaN;
  if (share >= 1 && share <= most) return share;
  const whole = most < 100 ? ' (100 % is "live")' : '';
  throw new UsageError(`"${text}" is no share: give a whole number from 1 to ${most}${whole}`);
}

/** @throws {UsageError} */
function findRoute(stages: Stages, name: string): ReadState {
  const named = stages.routes.find(({ capability, route }) => `${capability}.${route.id}` === name);
  if (named?.kind === 'read') return named;
  if (named !== undefined) {
    throw new UsageError(
      `${name} writes: it moves with the ownership of ${named.capability} (${named.write.flag}), never by a share`,
    );
  }
  const known = stages.routes
    .filter(({ kind }) => kind === 'read')
    .map(({ capability, route }) => `${capability}.${route.id}`);
  throw new UsageError(`there is no route "${name}". Read routes are: ${known.join(', ')}`);
}

function flagProject(state: ReadState, flag: string): string {
  const { found } = flag === state.serve.flag ? state.serve : state.shadow;
  return found?.project ?? 'default';
}

function describe({ stage, serve, shadow }: ReadState): string {
  return `${stage} (served by service: ${shareText(serve)}, shadowed: ${shareText(shadow)})`;
}

function describeChange({ flag, change, share }: FlagChange): string {
  return change === 'share' ? `set ${flag} to ${share} %` : `turn ${flag} ${change}`;
}

function stageJson({ stage, serve, shadow }: ReadState) {
  const flag = ({ enabled, share }: ReadState['serve']) => ({ enabled, share });
  return { stage, serve: flag(serve), shadow: flag(shadow) };
}

function next(name: string, { stage, serve }: ReadState): string {
  switch (stage) {
    case 'off':
      return `strangler stage ${name} shadow`;
    case 'shadow':
      return `strangler stage ${name} canary 5%`;
    case 'canary':
      return (serve.share ?? 0) < 50 ? `strangler stage ${name} canary 50%` : `strangler stage ${name} live`;
    case 'live':
      return `strangler status (and "strangler stage ${name} off" to go back)`;
  }
}
