import type { GuardRow } from './ownership.ts';
import type { Side } from './plan.ts';

/** What of a guard row counts for who owns. */
export type Standing = Pick<GuardRow, 'state' | 'epoch' | 'attempt'> & {
  /** Its server has failed over since the row was confirmed. */
  readonly shut: boolean;
  /** The history that its server is in now. */
  readonly history: string;
};

/** What two guard rows say, and what is to be done about it. */
export type Decision =
  /** One side is the owner, and nothing is under way. */
  | { readonly kind: 'settled'; readonly owner: Side; readonly epoch: number }
  /** The owner is fenced: the attempt can be flipped or undone. Whoever does not know of it undoes it. */
  | { readonly kind: 'moving'; readonly from: Side; readonly epoch: number; readonly attempt: string }
  /** The old owner has flipped: the other side is to be opened with this epoch, and nothing else can be done. */
  | { readonly kind: 'decided'; readonly to: Side; readonly epoch: number; readonly attempt: string }
  /** A server has failed over: confirm this side's row as closed, with this epoch and attempt. */
  | { readonly kind: 'confirm-closed'; readonly side: Side; readonly epoch: number; readonly attempt: string | null }
  /**
   * A server has failed over: bar the other side for this history, then confirm this one as open, with the epoch that the
   * bar gives, or with `epoch` if that is higher.
   */
  | {
      readonly kind: 'confirm-open';
      readonly side: Side;
      readonly bar: Side;
      readonly history: string;
      readonly epoch: number;
    }
  /** The protocol never leaves the rows like this: somebody has written them by hand, or restored a backup. */
  | { readonly kind: 'contradiction'; readonly why: string };

const OTHER: Readonly<Record<Side, Side>> = { monolith: 'service', service: 'monolith' };

/**
 * What the two rows say, from nothing but themselves: so whichever instance of the workflow comes first goes on, and
 * each of its steps is a compare-and-set on the row that it has seen.
 */
export function decide(rows: Readonly<Record<Side, Standing>>): Decision {
  const sides: readonly Side[] = ['monolith', 'service'];
  // A closed row endangers nothing, in whichever history; then the row that has seen less.
  const shut = sides.filter((side) => rows[side].shut);
  const closed = shut.find((side) => rows[side].state === 'closed');
  if (closed) return confirmClosed(closed, rows[closed], rows[OTHER[closed]]);
  const [first] = shut.toSorted((one, other) => rows[one].epoch - rows[other].epoch);
  if (first) return confirm(first, rows[first], rows[OTHER[first]]);

  const [owner, second] = sides.filter((side) => rows[side].state !== 'closed');
  if (owner === undefined) return bothClosed(rows);
  if (second !== undefined) return { kind: 'contradiction', why: 'neither side is closed' };
  const { state, epoch, attempt } = rows[owner];
  if (rows[OTHER[owner]].epoch > epoch) {
    return { kind: 'contradiction', why: `the ${OTHER[owner]} is closed with a later epoch than the ${owner} has` };
  }
  if (state === 'open') return { kind: 'settled', owner, epoch };
  return attempt === null
    ? { kind: 'contradiction', why: `the ${owner} is fenced by no attempt` }
    : { kind: 'moving', from: owner, epoch, attempt };
}

/** A closed row. An opening of it that is older than what the other side says must find that it comes too late. */
function confirmClosed(side: Side, row: Standing, other: Standing): Decision {
  // Both closed: the other side may have decided for this one, with its epoch.
  const latest = other.state === 'closed' ? other.epoch - 1 : other.epoch;
  return latest > row.epoch
    ? { kind: 'confirm-closed', side, epoch: latest, attempt: null }
    : { kind: 'confirm-closed', side, epoch: row.epoch, attempt: row.attempt };
}

/** A row that says open or fenced, of a server that may have forgotten what it decided since. */
function confirm(side: Side, row: Standing, other: Standing): Decision {
  if (other.state !== 'closed') {
    // One of the two rows was read before the other changed; or somebody has written them by hand.
    if (other.epoch <= row.epoch) return { kind: 'contradiction', why: 'neither side is closed' };
    // The other side was opened, which only a flip of this one allows: this one has forgotten it.
    return { kind: 'confirm-closed', side, epoch: other.epoch, attempt: other.attempt };
  }
  // The other side was the owner after this one, and has flipped: this one has forgotten that it ever gave ownership away.
  if (other.attempt !== null && other.epoch > row.epoch) {
    return { kind: 'confirm-closed', side, epoch: row.epoch, attempt: row.attempt };
  }
  return { kind: 'confirm-open', side, bar: OTHER[side], history: row.history, epoch: row.epoch + 1 };
}

function bothClosed(rows: Readonly<Record<Side, Standing>>): Decision {
  const from: Side = rows.monolith.epoch > rows.service.epoch ? 'monolith' : 'service';
  const { epoch, attempt } = rows[from];
  if (rows.monolith.epoch === rows.service.epoch || attempt === null) {
    return { kind: 'contradiction', why: 'both sides are closed, and neither says by which attempt' };
  }
  return { kind: 'decided', to: OTHER[from], epoch, attempt };
}
