import { setTimeout as sleep } from 'node:timers/promises';
import * as guard from '../guard/index.ts';
import { type Attempt, LEADERSHIP_LOST } from './attempt.ts';

const PAUSE_MS = 30;
const PAUSE_MS_MAX = 2_000;

/**
 * undo: the old owner takes writes again, with a raised epoch if it was fenced, and proxies let go. The row says what there
 * is to undo, also that there is nothing any more, because the attempt was flipped after all; while it cannot be read,
 * nobody is told anything. (The fence's deadline lets writers in by itself.)
 */
export async function undo(attempt: Attempt): Promise<'undone' | 'flipped'> {
  const { id, databases, migration, from, proxies, signal, trouble } = attempt;
  const { capability } = migration;
  for (let pause = PAUSE_MS; ; pause = Math.min(pause * 2, PAUSE_MS_MAX)) {
    try {
      const found = await guard.readGuard(databases[from], capability);
      if (found?.row.state === 'fenced' && found.row.attempt === id) {
        await guard.undo(databases[from], { capability, epoch: found.row.epoch, attempt: id });
        continue;
      }
      if (found?.row.state === 'closed' && found.row.attempt === id) return 'flipped';
      if (found?.row.state === 'open') proxies.order(capability, { owner: from, epoch: found.row.epoch, hold: null });
      return 'undone';
    } catch (error) {
      trouble(`undo: ${(error as Error).message}`);
    }
    await sleep(pause);
    if (signal.aborted && signal.reason === LEADERSHIP_LOST) throw LEADERSHIP_LOST;
  }
}
