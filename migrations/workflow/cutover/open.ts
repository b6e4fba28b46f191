import { setTimeout as sleep } from 'node:timers/promises';
import * as guard from '../guard/index.ts';
import { type Attempt, LEADERSHIP_LOST } from './attempt.ts';

const PAUSE_MS = 30;
const PAUSE_MS_MAX = 2_000;

/**
 * open: the new owner takes writes, with the epoch of the flip. There is no way back any more, so this tries until it is
 * done, or until another instance leads and does it. (The same call twice is the same as once.)
 */
export async function open(
  attempt: Pick<Attempt, 'id' | 'databases' | 'to' | 'epoch' | 'signal' | 'trouble'> & {
    readonly migration: { readonly capability: string };
  },
): Promise<void> {
  const { id, databases, migration, to, epoch, signal, trouble } = attempt;
  const { capability } = migration;
  for (let pause = PAUSE_MS; ; pause = Math.min(pause * 2, PAUSE_MS_MAX)) {
    try {
      await guard.open(databases[to], { capability, epoch: epoch + 1, attempt: id });
      return;
    } catch (error) {
      trouble(`open: ${(error as Error).message}`);
    }
    await sleep(pause);
    if (signal.aborted && signal.reason === LEADERSHIP_LOST) throw LEADERSHIP_LOST;
  }
}
