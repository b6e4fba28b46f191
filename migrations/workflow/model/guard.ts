import type { Side } from '../guard/plan.ts';
import { type Call, type Database, type Entry, type Row, rowKey, type State } from './state.ts';

/** What the protocol demands. Each can be taken out, to see that the model finds what it is there for. */
export interface Rules {
  /** A change of a row is a compare-and-set (`guard_expect`); otherwise who decided in its own memory overwrites it. */
  readonly compareAndSet: boolean;
  /** fence, flip and open wait for transactions that have written (`LOCK TABLE ... IN EXCLUSIVE MODE`). */
  readonly lock: boolean;
  /** A flip is refused after the deadline. */
  readonly deadline: boolean;
  /** A flip is refused once somebody has passed the fence, whatever the clock says. */
  readonly passed: boolean;
  /** A side opens only with the fence marker in its own ledger. */
  readonly marker: boolean;
  /** The workflow flips only after the drain. */
  readonly drain: boolean;
  /** The workflow flips only when nothing is parked, unless a person gives up what is. */
  readonly check: boolean;
  /** The sync may write only where the side is closed. */
  readonly syncOnlyClosed: boolean;
  /** A side that opens refuses transactions that began before. */
  readonly beganBefore: boolean;
  /** A fence is set only when every proxy holds and nothing is in flight. */
  readonly hold: boolean;
  /** A proxy that holds never releases by itself. */
  readonly noSelfRelease: boolean;
  /** A flip waits until every standby has the fence (`guard_await_standbys`). */
  readonly standbys: boolean;
  /** After a failover nobody may write until the row is confirmed. */
  readonly shut: boolean;
  /** Before a side is confirmed as the owner, the other one is barred. */
  readonly bar: boolean;
  /** Undo before the flip, never after it. */
  readonly forward: boolean;
}

export const PROTOCOL: Rules = {
  compareAndSet: true,
  lock: true,
  deadline: true,
  passed: true,
  marker: true,
  drain: true,
  check: true,
  syncOnlyClosed: true,
  beganBefore: true,
  hold: true,
  noSelfRelease: true,
  standbys: true,
  shut: true,
  bar: true,
  forward: true,
};

export const OTHER: Readonly<Record<Side, Side>> = { monolith: 'service', service: 'monolith' };

/** Would a new transaction's write pass? `guard_judge` in `guard/sql/2-writes.sql`. */
export function admits(row: Row): boolean {
  return !row.shut && (row.state === 'open' || (row.state === 'fenced' && row.late));
}

/** A write that the guard has let through is committed: it is acknowledged, and it is in the log. */
export function commitWrite(state: State, side: Side, opened = false): State {
  const { row, log } = state[side];
  const value = state.acknowledged + 1;
  const passes = row.state === 'fenced' && !opened;
  const marker: Entry[] = passes ? [{ kind: 'open', epoch: row.epoch, attempt: row.attempt }] : [];
  const rogue = state.rogue && state.rogue.side !== side ? { ...state.rogue, overtaken: true } : state.rogue;
  return {
    ...change(state, side, {
      value,
      row: passes ? { ...row, passed: true } : row,
      log: [...log, ...marker, { kind: 'write', value }],
    }),
    acknowledged: value,
    rogue,
  };
}

/** A call takes effect, or is refused: the functions of `guard/sql/3-ownership.sql`. Undefined while it has to wait. */
export function take(state: State, call: Call, rules: Rules): State | undefined {
  const database = state[call.side];
  const { row } = database;
  const locked = rules.lock && state.rogue?.wrote === true && state.rogue.side === call.side;
  switch (call.does) {
    case 'fence': {
      if (!expected(row, call, 'open', rules) || database.made.includes(call.attempt!)) return state;
      if (locked) return undefined;
      const fenced: Row = { ...row, state: 'fenced', attempt: call.attempt, late: false, passed: false };
      const made = change(state, call.side, { made: [...database.made, call.attempt!] });
      return say(made, call.side, fenced, { kind: 'fence', epoch: row.epoch, attempt: call.attempt });
    }
    case 'undo': {
      if (!expected(row, call, 'fenced', rules)) return state;
      const epoch = call.epoch + 1;
      const undone: Row = { ...row, state: 'open', epoch, attempt: call.attempt, late: false, passed: false };
      return say(state, call.side, undone, { kind: 'open', epoch, attempt: call.attempt });
    }
    case 'flip': {
      if (!expected(row, call, 'fenced', rules)) return state;
      const { standby } = database;
      const behind = standby !== null && rowKey(standby.row) !== rowKey(row);
      if (locked || (rules.standbys && behind)) return undefined;
      if ((rules.deadline && row.late) || (rules.passed && row.passed)) return state;
      const epoch = call.epoch + 1;
      const flipped: Row = { ...row, state: 'closed', epoch, attempt: call.attempt, late: false, passed: false };
      return change(state, call.side, { row: flipped });
    }
    case 'open': {
      if (row.shut || row.state !== 'closed' || row.epoch >= call.epoch) return state;
      if (rules.marker && !database.ledger.includes(`${call.epoch - 1}${call.attempt}`)) return state;
      const open: Row = { ...row, state: 'open', epoch: call.epoch, attempt: call.attempt };
      const rogue = state.rogue?.side === call.side ? { ...state.rogue, opened: true } : state.rogue;
      return { ...say(state, call.side, open, { kind: 'open', epoch: call.epoch, attempt: call.attempt }), rogue };
    }
    case 'bar': {
      if (row.barred >= call.history!) return state;
      if (!expected(row, call, 'closed', rules) || row.attempt !== call.attempt) return state;
      const latest = Math.max(0, ...database.ledger.map((marker) => Number.parseInt(marker, 10)));
      const attempt = latest >= row.epoch ? null : row.attempt;
      const epoch = Math.max(row.epoch, latest + 1);
      return change(state, call.side, { row: { ...row, barred: call.history!, epoch, attempt } });
    }
    case 'confirm': {
      if (!row.shut || row.epoch !== call.epoch || row.attempt !== call.attempt) return state;
      const { as, newEpoch: epoch, newAttempt: attempt } = call as Required<Call>;
      const confirmed: Row = { ...row, shut: false, late: false, passed: false, state: as, epoch, attempt };
      if (as === 'closed') return change(state, call.side, { row: confirmed });
      return say(state, call.side, confirmed, { kind: 'open', epoch, attempt });
    }
  }
}

/** The stream brings the oldest entry of this side's log to the other side: `cdc/src/apply`. */
export function deliver(state: State, from: Side, rules: Rules): State | undefined {
  const [entry, ...log] = state[from].log;
  if (entry === undefined) return undefined;
  const to = OTHER[from];
  const target = state[to];
  const taken = change(state, from, { log });
  if (entry.kind !== 'write') {
    if (entry.kind === 'open') return change(taken, to, { flowing: true });
    return change(taken, to, { flowing: false, ledger: [...target.ledger, `${entry.epoch}${entry.attempt}`] });
  }
  if (!target.flowing) return { ...taken, broken: 'a write came from a side that is not open: the guard has a hole' };
  // What comes behind a parked change of its key is parked too.
  if (target.parked !== null) return change(taken, to, { parked: entry.value });
  return syncMay(target.row, rules) ? change(taken, to, { value: entry.value }) : undefined;
}

/** `npx cdc dead-letters replay`: a change that could not be applied in its turn is applied now. */
export function replay(state: State, side: Side, rules: Rules): State | undefined {
  const { parked, row } = state[side];
  if (parked === null || !syncMay(row, rules)) return undefined;
  return change(state, side, { parked: null, value: parked });
}

/** The sync's branch of `guard_judge`. */
function syncMay(row: Row, rules: Rules): boolean {
  return !row.shut && (!rules.syncOnlyClosed || row.state === 'closed');
}

function expected(row: Row, call: Call, state: Row['state'], rules: Rules): boolean {
  if (row.shut) return false;
  if (!rules.compareAndSet) return true;
  return row.state === state && row.epoch === call.epoch && (state !== 'fenced' || row.attempt === call.attempt);
}

function say(state: State, side: Side, row: Row, entry: Entry): State {
  return change(state, side, { row, log: [...state[side].log, entry] });
}

/** The state with one database changed. */
export function change(state: State, side: Side, what: Partial<Database>): State {
  return { ...state, [side]: { ...state[side], ...what } };
}
