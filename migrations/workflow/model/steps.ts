import { type Decision, decide } from '../guard/decide.ts';
import type { Side } from '../guard/plan.ts';
import { admits, change, commitWrite, deliver, OTHER, type Rules, replay, take } from './guard.ts';
import type { Bounds, Call, Instance, ProxyState, Row, State } from './state.ts';

/** One thing that can happen next. */
export interface Step {
  readonly what: string;
  readonly to: State;
}

const SIDES: readonly Side[] = ['monolith', 'service'];
const ATTEMPTS = ['A', 'B', 'C', 'D'];

/** Everything that can happen next, one thing at a time. */
export function steps(state: State, rules: Rules, bounds: Bounds): Step[] {
  if (state.broken) return [];
  const found: Step[] = [];
  const add = (what: string, to: State | undefined) => {
    if (to !== undefined && to !== state) found.push({ what, to });
  };
  for (const index of state.instances.keys()) workflow(state, index, rules, bounds, add);
  for (const index of state.proxies.keys()) proxy(state, index, rules, bounds, add);
  for (const side of SIDES) add(`the stream brings ${said(state, side)} from the ${side}`, deliver(state, side, rules));
  for (const side of SIDES) add(`what is parked at the ${side} is replayed`, replay(state, side, rules));
  if (bounds.rogue) rogue(state, rules, bounds, add);
  if (state.orphan) {
    const to = take(state, state.orphan, rules);
    add(`a call whose sender is dead arrives: ${shown(state.orphan)}`, to && { ...to, orphan: null });
    add('a call whose sender is dead is lost', { ...state, orphan: null });
  }
  for (const side of SIDES) {
    const { row, made, ledger, standby } = state[side];
    if (standby) {
      add(`the ${side}'s standby catches up`, change(state, side, { standby: { row, made, ledger } }));
    }
  }
  if (state.faults < bounds.faults) faults({ ...state, faults: state.faults + 1 }, rules, add);
  return found;
}

type Add = (what: string, to: State | undefined) => void;

/** An instance: reads one row, then the other, decides by `decide()`, calls. The two reads are not of one moment. */
function workflow(state: State, index: number, rules: Rules, bounds: Bounds, add: Add): void {
  const name = `workflow ${index + 1}`;
  const instance = state.instances[index]!;
  if (instance.call) {
    const to = take(state, instance.call, rules);
    add(`${name}: ${shown(instance.call)}`, to && instanceAs(to, index, { call: to && afterwards(to, instance.call) }));
    return;
  }
  if (!instance.active) return;
  const first: Side = index === 0 ? 'monolith' : 'service';
  if (instance.seen === null) {
    add(`${name} reads the ${first}'s row`, instanceAs(state, index, { seen: state[first].row }));
    return;
  }
  const second = OTHER[first];
  const rows = { [first]: instance.seen, [second]: state[second].row } as Readonly<Record<Side, Row>>;
  const decision = decide(rows);
  const forgets = instanceAs(state, index, { seen: null });
  const call = (next: Call) =>
    add(`${name} reads the ${second}'s row and calls ${next.does}`, instanceAs(forgets, index, { call: next }));
  const { mine } = instance;
  switch (decision.kind) {
    case 'settled':
      settled(forgets, index, decision, rules, bounds, add);
      return;
    case 'moving': {
      const { from: side, epoch, attempt } = decision;
      if (attempt === mine) {
        const drained = state[OTHER[side]].ledger.includes(`${epoch}${attempt}`);
        const clean = state[OTHER[side]].parked === null || !rules.check;
        const flip: Call = { does: 'flip', side, epoch, attempt };
        if ((drained || !rules.drain) && clean) call(flip);
        else if (drained && state.faults < bounds.faults) {
          const forced = { ...forgets, faults: state.faults + 1, givenUp: state.acknowledged };
          add(`a person gives up what is parked, and ${name} calls flip`, instanceAs(forced, index, { call: flip }));
        }
      }
      call({ does: 'undo', side, epoch, attempt });
      return;
    }
    case 'decided':
      call({ does: 'open', side: decision.to, epoch: decision.epoch, attempt: decision.attempt });
      if (!rules.forward) {
        call({ does: 'open', side: OTHER[decision.to], epoch: decision.epoch + 1, attempt: decision.attempt });
      }
      return;
    case 'confirm-closed': {
      const { side, epoch, attempt } = decision;
      const seen = rows[side];
      const as = { as: 'closed', newEpoch: epoch, newAttempt: attempt } as const;
      call({ does: 'confirm', side, epoch: seen.epoch, attempt: seen.attempt, ...as });
      return;
    }
    case 'confirm-open': {
      const { side, bar, history, epoch } = decision;
      const [seen, other] = [rows[side], rows[bar]];
      const as = { as: 'open', newEpoch: Math.max(epoch, other.epoch), newAttempt: seen.attempt } as const;
      const confirm: Call = { does: 'confirm', side, epoch: seen.epoch, attempt: seen.attempt, ...as };
      if (rules.bar)
        call({ does: 'bar', side: bar, epoch: other.epoch, attempt: other.attempt, history, followedBy: confirm });
      else call(confirm);
      return;
    }
    case 'contradiction':
      // Two rows that were not read at one moment may contradict each other: it reads again.
      add(`${name} reads a contradiction`, forgets);
  }
}

/** Nothing is under way: hold and fence for an attempt of its own, or tell the proxies who the owner is. */
function settled(
  state: State,
  index: number,
  { owner, epoch }: Decision & { kind: 'settled' },
  rules: Rules,
  bounds: Bounds,
  add: Add,
): void {
  const name = `workflow ${index + 1}`;
  const { mine } = state.instances[index]!;
  const over = mine === null || state.monolith.made.includes(mine) || state.service.made.includes(mine);
  if (over) {
    const released = state.proxies.map(
      (each): ProxyState => (epoch >= each.epoch ? { ...each, owner, epoch, holding: false } : each),
    );
    const same = state.proxies.every((each, at) => saysTheSame(each, released[at]!));
    if (!same)
      add(
        `${name} tells the proxies that the ${owner} is the owner, epoch ${epoch}`,
        instanceAs({ ...state, proxies: released }, index, { mine: null }),
      );
    else if (mine !== null) add(`${name} is done with ${mine}`, instanceAs(state, index, { mine: null }));
    else if (state.attempts < bounds.attempts) {
      const attempt = ATTEMPTS[state.attempts]!;
      add(
        `${name} begins attempt ${attempt}`,
        instanceAs({ ...state, attempts: state.attempts + 1 }, index, { mine: attempt }),
      );
    } else add(`${name} has nothing to do`, state);
    return;
  }
  const holding = state.proxies.map((each): ProxyState => (epoch >= each.epoch ? { ...each, holding: true } : each));
  if (rules.hold && state.proxies.some((each) => !each.holding)) {
    add(`${name} has the proxies hold`, { ...state, proxies: holding });
    return;
  }
  // Also: it gives up before the fence.
  add(`${name} gives ${mine} up`, instanceAs(state, index, { mine: null }));
  if (rules.hold && state.proxies.some((each) => each.inFlight !== null)) return;
  add(
    `${name} calls fence ${mine}`,
    instanceAs(state, index, { call: { does: 'fence', side: owner, epoch, attempt: mine } }),
  );
}

/** A side that was barred, with the epoch that this gave: then the other one is confirmed. */
function afterwards(state: State, { side, history, followedBy }: Call): Call | null {
  const { barred, epoch } = state[side].row;
  if (followedBy === undefined || barred < history!) return null;
  return { ...followedBy, newEpoch: Math.max(followedBy.newEpoch!, epoch) };
}

/** A proxy sends a write to the owner that it knows, unless it holds; and gets the answer. */
function proxy(state: State, index: number, rules: Rules, bounds: Bounds, add: Add): void {
  const name = `proxy ${index + 1}`;
  const each = state.proxies[index]!;
  const as = (to: State, what: Partial<ProxyState>): State => ({
    ...to,
    proxies: to.proxies.map((other, at) => (at === index ? { ...other, ...what } : other)),
  });
  if (each.inFlight === null) {
    if (!each.holding && state.acknowledged < bounds.writes)
      add(`${name} sends a write to the ${each.owner}`, as(state, { inFlight: each.owner }));
    if (each.holding && !rules.noSelfRelease) add(`${name} releases by itself`, as(state, { holding: false }));
    return;
  }
  const side = each.inFlight;
  if (admits(state[side].row)) {
    if (state.acknowledged < bounds.writes)
      add(`${name}'s write is acknowledged by the ${side}`, as(commitWrite(state, side), { inFlight: null }));
    else add(`${name}'s client leaves`, as(state, { inFlight: null }));
  } else {
    const broken = state.faults === 0 ? `a request through ${name} failed although nothing was broken` : '';
    add(`${name}'s write is refused by the ${side}`, as({ ...state, broken }, { inFlight: null }));
  }
}

/** A writer that knows of no proxy: a job that reads, writes later, and commits later still. */
function rogue(state: State, rules: Rules, bounds: Bounds, add: Add): void {
  const { rogue: it } = state;
  if (it === null) {
    if (state.acknowledged >= bounds.writes) return;
    for (const side of SIDES) {
      add(`the job begins at the ${side}`, {
        ...state,
        rogue: { side, wrote: false, opened: false, overtaken: false },
      });
    }
    return;
  }
  if (!it.wrote) {
    const passes = admits(state[it.side].row) && !(rules.beganBefore && it.opened);
    if (!passes) {
      add(`the job is refused by the ${it.side}`, { ...state, rogue: null });
      return;
    }
    // What it has read decides what it writes.
    const broken = it.overtaken ? `the job overwrote a write of the ${OTHER[it.side]} that it had not read` : '';
    add(`the job writes at the ${it.side}`, { ...state, rogue: { ...it, wrote: true }, broken });
    return;
  }
  if (state.acknowledged < bounds.writes) {
    add(`the job commits at the ${it.side}`, { ...commitWrite({ ...state, rogue: null }, it.side) });
  }
  add('the job rolls back', { ...state, rogue: null });
}

/** Everything that can break, once each time. */
function faults(state: State, rules: Rules, add: Add): void {
  for (const [index, instance] of state.instances.entries()) {
    if (instance.active && (instance.mine !== null || instance.seen !== null || instance.call !== null)) {
      // What it has sent may still arrive; whoever comes next knows only the rows.
      const next = instanceAs(state, index, { mine: null, seen: null, call: null });
      add(`workflow ${index + 1} is killed`, { ...next, orphan: instance.call ?? state.orphan });
    }
    if (!instance.active)
      add(`workflow ${index + 1} believes that it leads too`, instanceAs(state, index, { active: true }));
  }
  for (const [index, each] of state.proxies.entries()) {
    const proxies = state.proxies.map((other, at) =>
      at === index ? { ...other, holding: false, inFlight: null } : other,
    );
    if (each.holding || each.inFlight) add(`proxy ${index + 1} is killed and starts anew`, { ...state, proxies });
  }
  for (const side of SIDES) {
    const { row, standby } = state[side];
    const [next, ...log] = state[side].log;
    if (next?.kind === 'write') {
      const parked = change(change(state, side, { log }), OTHER[side], { parked: next.value });
      add(`write ${next.value} of the ${side} cannot be applied, and is parked`, parked);
    }
    if (row.state === 'fenced') {
      add(
        row.late ? `the ${side}'s clock is set back` : `the ${side}'s deadline passes`,
        change(state, side, { row: { ...row, late: !row.late } }),
      );
    }
    if (standby) {
      const promoted = { ...standby.row, shut: rules.shut, history: String(Number(row.history) + 1) };
      // The stream of the old server has ended, for good.
      const to = change(state, side, {
        row: promoted,
        made: standby.made,
        ledger: standby.ledger,
        standby: { ...standby, row: promoted },
        log: [],
      });
      add(`the ${side} fails over to its standby`, { ...to, rogue: state.rogue?.side === side ? null : state.rogue });
    } else if (state.rogue?.side === side) {
      add(`the ${side}'s server is killed and starts anew`, { ...state, rogue: null });
    }
  }
}

function instanceAs(state: State, index: number, what: Partial<Instance>): State {
  return { ...state, instances: state.instances.map((each, at) => (at === index ? { ...each, ...what } : each)) };
}

function saysTheSame(one: ProxyState, other: ProxyState): boolean {
  return one.owner === other.owner && one.epoch === other.epoch && one.holding === other.holding;
}

function shown({ does, side, epoch, attempt, as, newEpoch }: Call): string {
  return does === 'confirm'
    ? `confirm the ${side} as ${as} at epoch ${newEpoch}`
    : `${does} ${attempt ?? ''} at the ${side}, epoch ${epoch}`;
}

function said(state: State, from: Side): string {
  const entry = state[from].log[0];
  if (entry === undefined) return 'nothing';
  return entry.kind === 'write' ? `write ${entry.value}` : `${entry.kind} ${entry.attempt ?? ''}`;
}
