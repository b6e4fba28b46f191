import type { Migration } from 'strangler-migrations/define';
import { type DeclaredFlag, declaredFlags } from './declared-flags.ts';
import { type Flag, openUnleash, PROJECT, type Unleash, type UnleashAccess } from './unleash.ts';

/** What {@link ensureFlags} did, or would do, for one flag. */
export interface EnsuredFlag {
  readonly flag: string;
  /**
   * - `created`: it was missing.
   * - `completed`: it was there, off and without any strategy, as after a start that was cut short.
   * - `kept`: it was there, and nothing of it was touched.
   * - `archived`: somebody has put it away, so it stays away, and reads as off.
   */
  readonly outcome: 'created' | 'completed' | 'kept' | 'archived';
}

/** What {@link ensureFlags} takes. */
export interface EnsureFlagsOptions {
  readonly migrations: readonly Migration[];
  readonly unleash: UnleashAccess;
  /** Only say what would be done. */
  readonly dryRun?: boolean;
}

/**
 * Makes the flags that the declarations ask for and Unleash does not have yet: off, with a gradual rollout at 100 %, so
 * that a flip of the switch in the UI means everybody, and the share can be set there too. What is there already
 * belongs to whoever set it and is left as it is. Can be run at any time, and by several at once.
 *
 * @throws {UnleashError} when Unleash cannot be asked, or refuses; run again, it goes on where it stopped.
 */
export async function ensureFlags(options: EnsureFlagsOptions): Promise<readonly EnsuredFlag[]> {
  const { migrations, dryRun = false } = options;
  const unleash = openUnleash(options.unleash);
  const declared = declaredFlags(migrations);
  const existing = await unleash.readFlags(declared.map(({ name }) => name));
  const ensured: EnsuredFlag[] = [];
  for (const flag of declared) {
    const found = existing.get(flag.name);
    const outcome = dryRun ? judge(found) : await ensure(unleash, flag, found);
    ensured.push({ flag: flag.name, outcome });
  }
  return ensured;
}

function judge(found: Flag | undefined): EnsuredFlag['outcome'] {
  if (found === undefined) return 'created';
  if (found.archived) return 'archived';
  // On without a strategy means on for everybody, to Unleash: somebody wants that.
  return found.strategies.length === 0 && !found.enabled ? 'completed' : 'kept';
}

async function ensure(unleash: Unleash, flag: DeclaredFlag, found: Flag | undefined): Promise<EnsuredFlag['outcome']> {
  const outcome = judge(found);
  if (outcome === 'kept' || outcome === 'archived') return outcome;
  // Another start was faster: it gives the flag its strategy too.
  if (outcome === 'created' && !(await unleash.createFlag(flag))) return 'kept';
  const { name, groupId, stickiness } = flag;
  await unleash.addRollout({ name, project: found?.project ?? PROJECT }, { share: 100, groupId, stickiness });
  if (outcome === 'completed') await keepOneRollout(unleash, name);
  return outcome;
}

/**
 * What looked like a start that was cut short may have been one that was still at it, and the flag now has a strategy of
 * each. Whoever looks last removes all but the oldest, which is the same one for everybody.
 */
async function keepOneRollout(unleash: Unleash, name: string): Promise<void> {
  const flag = (await unleash.readFlags([name])).get(name);
  const [, ...younger] = (flag?.strategies ?? []).toSorted((one, other) => (one.id < other.id ? -1 : 1));
  for (const strategy of younger) await unleash.removeStrategy(flag as Flag, strategy);
}
