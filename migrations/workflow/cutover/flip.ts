import { setTimeout as sleep } from 'node:timers/promises';
import * as guard from '../guard/index.ts';
import { type Attempt, StepFailed } from './attempt.ts';
import { LOCK_NOT_AVAILABLE, sqlState } from './databases.ts';

/** By how much the flip has to be before the deadline of the fence. */
const MARGIN_MS = 500;
const TRIES_MAX = 8;
const PAUSE_MS = 20;

/**
 * flip: the decision. The old owner's row becomes `closed` with the next epoch, under the lock, and only before the
 * fence's deadline. If nobody can say whether it was done, the row can: nothing is undone before it has been read.
 */
export async function flip({ id, databases, migration, from, epoch }: Attempt): Promise<void> {
  const { capability } = migration;
  for (let tries = 1; ; tries++) {
    try {
      await guard.flip(databases[from], { capability, epoch, attempt: id }, MARGIN_MS);
      return;
    } catch (error) {
      const state = sqlState(error);
      if (state === undefined) {
        const found = await guard.readGuard(databases[from], capability);
        if (found?.row.state === 'closed' && found.row.attempt === id) return;
      }
      if ((state !== undefined && state !== LOCK_NOT_AVAILABLE) || tries >= TRIES_MAX) {
        const { message, hint } = error as Error & { hint?: string };
        throw new StepFailed('flip', message, hint ?? 'Try again.');
      }
    }
    await sleep(PAUSE_MS);
  }
}
