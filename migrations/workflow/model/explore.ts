import { decide } from '../guard/decide.ts';
import { admits, PROTOCOL, type Rules } from './guard.ts';
import { type Bounds, beginning, keyOf, type State } from './state.ts';
import { steps } from './steps.ts';

/** What an exploration came to. */
export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** The longest shortest way to a state. */
  readonly depth: number;
  /** Null when every state is as it should be. */
  readonly violation: Violation | null;
}

export interface Violation {
  readonly what: string;
  /** What happened, from the beginning to the violation: a shortest way. */
  readonly trace: readonly string[];
}

/** More than this, and the bounds are wrong. */
const STATES_MAX = 4_000_000;

/**
 * Visits every state that the protocol can come to within the bounds, breadth first, and looks in each for what must
 * never be; then, whether from each of them a settled state can still be reached.
 */
export function explore(bounds: Bounds, rules: Rules = PROTOCOL): Exploration {
  const first = beginning(bounds);
  const indexes = new Map<string, number>([[keyOf(first), 0]]);
  // Only the front of the search holds states; of all others the way there is kept.
  const parents: number[] = [0];
  const steppedBy: string[] = ['the monolith is the owner'];
  const [froms, tos]: [number[], number[]] = [[], []];
  const goals: number[] = [];
  let front: (readonly [number, State])[] = [[0, first]];
  let depth = 0;
  const ended = (violation: Violation | null): Exploration => ({
    states: indexes.size,
    transitions: froms.length,
    depth,
    violation,
  });
  const way = (index: number): string[] => {
    const trace: string[] = [];
    for (let at = index; at !== 0; at = parents[at]!) trace.unshift(steppedBy[at]!);
    return trace;
  };

  for (; front.length > 0; depth++) {
    const next: (readonly [number, State])[] = [];
    for (const [index, state] of front) {
      const wrong = state.broken || whatIsWrong(state, bounds);
      if (wrong) return ended({ what: wrong, trace: way(index) });
      if (isSettled(state)) goals.push(index);
      for (const { what, to } of steps(state, rules, bounds)) {
        const key = keyOf(to);
        let known = indexes.get(key);
        if (known === undefined) {
          known = indexes.size;
          indexes.set(key, known);
          parents.push(index);
          steppedBy.push(what);
          next.push([known, to]);
          if (known > STATES_MAX) throw new Error(`more than ${STATES_MAX} states: tighten the bounds`);
        }
        froms.push(index);
        tos.push(known);
      }
    }
    front = next;
  }
  // A failover can end a stream for good; what such a capability needs is a person, and no step of the model.
  const stuck = bounds.failover ? undefined : firstStuck(indexes.size, froms, tos, goals);
  return ended(stuck === undefined ? null : { what: 'from here no settled state can be reached', trace: way(stuck) });
}

/** What must hold in every state. */
function whatIsWrong(state: State, bounds: Bounds): string | undefined {
  const { monolith, service } = state;
  if (admits(monolith.row) && admits(service.row)) return 'both sides accept writes';
  const decision = decide({ monolith: monolith.row, service: service.row });
  // Two failovers that both forget decisions can leave no side that knows itself to be the owner. Then nobody may write.
  const failovers = Number(monolith.row.history) + Number(service.row.history);
  if (decision.kind === 'contradiction' && failovers < 2) return `no owner is named: ${decision.why}`;
  if (bounds.failover) return undefined;
  for (const [name, side] of Object.entries({ monolith, service })) {
    if (admits(side.row) && side.value !== state.acknowledged && state.acknowledged !== state.givenUp) {
      return `the ${name} accepts writes without write ${state.acknowledged}, which was acknowledged`;
    }
  }
  return undefined;
}

/** One side is open, the other is closed, and every proxy sends writes there. */
function isSettled({ monolith, service, proxies }: State): boolean {
  const decision = decide({ monolith: monolith.row, service: service.row });
  if (decision.kind !== 'settled') return false;
  return proxies.every(({ owner, holding }) => owner === decision.owner && !holding);
}

/** The first state from which no goal can be reached: backwards from the goals, over every transition. */
function firstStuck(
  states: number,
  froms: readonly number[],
  tos: readonly number[],
  goals: readonly number[],
): number | undefined {
  const starts = new Int32Array(states + 1);
  for (const to of tos) starts[to + 1]!++;
  for (let index = 0; index < states; index++) starts[index + 1]! += starts[index]!;
  const sources = new Int32Array(tos.length);
  const filled = starts.slice();
  for (const [edge, to] of tos.entries()) sources[filled[to]!++] = froms[edge]!;
  const reaches = new Uint8Array(states);
  const queue = [...goals];
  for (const goal of goals) reaches[goal] = 1;
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (let edge = starts[at]!; edge < starts[at + 1]!; edge++) {
      const source = sources[edge]!;
      if (reaches[source] === 1) continue;
      reaches[source] = 1;
      queue.push(source);
    }
  }
  const stuck = reaches.indexOf(0);
  return stuck === -1 ? undefined : stuck;
}
