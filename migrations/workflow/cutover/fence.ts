import { setTimeout as sleep } from 'node:timers/promises';
import * as guard from '../guard/index.ts';
import { type Attempt, StepFailed, unlessWithdrawn } from './attempt.ts';
import { LOCK_NOT_AVAILABLE, sqlState } from './databases.ts';

/** Past it, on the database's own clock, the old owner takes writes again: a workflow that hangs cannot stop the shop. */
export const DEADLINE_MS = 6_000;
const TRIES_MAX = 8;
const PAUSE_MS = 60;

/**
 * fence: the old owner's database takes no more writes, and says so in its stream, behind the last of them. Each try waits
 * 150 ms for the lock at most, as writers queue behind who waits for it; between the tries they go on.
 */
export async function fence({ id, databases, migration, from, epoch, signal }: Attempt): Promise<void> {
  const { capability } = migration;
  for (let tries = 1; ; tries++) {
    unlessWithdrawn({ signal }, 'fence');
    try {
      await guard.fence(databases[from], { capability, epoch, attempt: id }, DEADLINE_MS);
      return;
    } catch (error) {
      const state = sqlState(error);
      if (state === undefined) {
        // Nobody knows whether it was done, but the row does.
        const found = await guard.readGuard(databases[from], capability);
        if (found?.row.state === 'fenced' && found.row.attempt === id) return;
      }
      if ((state !== undefined && state !== LOCK_NOT_AVAILABLE) || tries >= TRIES_MAX) throw refused(error, tries);
    }
    await sleep(PAUSE_MS * tries, undefined, { signal }).catch(() => {});
  }
}

function refused(error: unknown, tries: number): StepFailed {
  const { message, hint } = error as Error & { hint?: string };
  if (sqlState(error) !== LOCK_NOT_AVAILABLE)
    return new StepFailed('fence', message, hint ?? 'Mend that, and try again.');
  return new StepFailed(
    'fence',
    `writers held the lock through ${tries} tries of 150 ms`,
    'A long transaction writes these tables: "strangler doctor" names it. Let it end, and try again.',
  );
}
