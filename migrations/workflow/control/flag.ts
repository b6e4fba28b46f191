import { type Migration, writeFlag } from 'strangler-migrations/define';
import { declaredFlags } from '../declared-flags.ts';
import type { Side } from '../guard/index.ts';
import type { Unleash } from '../unleash.ts';

/** What the write flag of a capability says. */
export interface FlagWish {
  readonly enabled: boolean;
  /** Who turned it last, as the flag server knows them. */
  readonly who: string;
}

/** The write flag of one capability, as the place where people ask and are answered. */
export interface WriteFlag {
  readonly name: string;
  /** Undefined if there is none, if it is archived, or if the flag server does not answer. */
  read(): Promise<boolean | undefined>;
  whoTurnedIt(): Promise<string>;
  /** Makes the flag say what is, and its description why. */
  tell(owner: Side, said: string): Promise<void>;
}

export function writeFlagOf(unleash: Unleash, migration: Migration): WriteFlag {
  const name = writeFlag(migration);
  const declared = declaredFlags([migration]).find((flag) => flag.name === name);
  return {
    name,
    async read() {
      const flag = (await unleash.readFlags([name])).get(name);
      return flag === undefined || flag.archived ? undefined : flag.enabled;
    },
    whoTurnedIt: () => unleash.whoTurned(name),
    async tell(owner, said) {
      const flag = (await unleash.readFlags([name])).get(name);
      if (flag === undefined || flag.archived) return;
      if (flag.enabled !== (owner === 'service')) await unleash.setEnabled(flag, owner === 'service');
      await unleash.describe(flag, [said, declared?.description ?? ''].join('\n\n').trim());
    },
  };
}
