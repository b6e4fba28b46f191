import { type Attempt, directionOf, StepFailed, unlessWithdrawn } from './attempt.ts';
import { countParked } from './parked.ts';
import { putSequencesAhead } from './sequences.ts';

/** check: nothing is set aside on the way, and no id that the new owner will give was given by the old one. */
export async function check(attempt: Attempt): Promise<void> {
  const { databases, migration, to } = attempt;
  const direction = directionOf(attempt);
  const parked = await countParked(databases[to], migration.capability, direction);
  if (parked > 0) {
    throw new StepFailed(
      'check',
      `${parked} events of the ${direction} stream are parked: rows of the old owner that the new one does not have`,
      'npx cdc dead-letters list shows their causes; mend these and replay them.',
    );
  }
  await putSequencesAhead(attempt);
  unlessWithdrawn(attempt, 'check');
}
