import { setTimeout as sleep } from 'node:timers/promises';
import { type Attempt, directionOf, StepFailed, unlessWithdrawn } from './attempt.ts';

const DRAIN_MS_MAX = 3_500;
const LOOK_EVERY_MS = 4;

/**
 * drain: everything that the old owner has written is applied at the new one. The fence's marker travels as a row behind
 * it all, and the ledger notes it in the transaction that applies it: to see it there is to know.
 */
export async function drain(attempt: Attempt): Promise<void> {
  const { id, databases, migration, to, epoch } = attempt;
  const { capability } = migration;
  const direction = directionOf(attempt);
  const deadline = performance.now() + DRAIN_MS_MAX;
  for (;;) {
    const rows = await databases[to](
      `SELECT 1 AS applied FROM strangler.stream_marker
       WHERE capability = $1 AND direction = $2 AND kind = 'fence' AND epoch = $3 AND attempt = $4`,
      [capability, direction, epoch, id],
    );
    if (rows.length > 0) return;
    unlessWithdrawn(attempt, 'drain');
    if (performance.now() > deadline) {
      throw new StepFailed(
        'drain',
        `the ${direction} stream of ${capability} has not brought the fence over within ${DRAIN_MS_MAX} ms`,
        'Look at "npx cdc status": it lags, or stands still, or a large transaction is before the fence.',
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}
