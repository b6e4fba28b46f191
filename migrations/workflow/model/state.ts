import type { Side } from '../guard/plan.ts';

/** What of a guard row the model has (`guard/sql/1-tables.sql`), and what time and other servers have done to it. */
export interface Row {
  readonly state: 'open' | 'fenced' | 'closed';
  readonly epoch: number;
  readonly attempt: string | null;
  /** The deadline has passed, by this server's clock. */
  readonly late: boolean;
  /** A writer has passed the fence, and left its `open` marker. */
  readonly passed: boolean;
  readonly shut: boolean;
  /** How often its server has failed over. */
  readonly history: string;
  /** The other server's history for which this side is barred. */
  readonly barred: string;
}

/** One entry of a change stream: a marker, or a committed write with its value. */
export type Entry = Marker | Write;
export interface Marker {
  readonly kind: 'fence' | 'open';
  readonly epoch: number;
  readonly attempt: string | null;
}
export interface Write {
  readonly kind: 'write';
  readonly value: number;
}

/** What the ledger of a side says: `strangler.stream_marker`. */
export type Ledger = readonly string[];

/** One of the two databases. All that the capability holds is one value: the last write that arrived. */
export interface Database {
  readonly row: Row;
  readonly value: number;
  /** What has been committed here and has not been applied on the other side. */
  readonly log: readonly Entry[];
  /** The attempts whose fence markers have been written here. */
  readonly made: readonly string[];
  /** Fence markers of the other side that have been applied here, as `<epoch><attempt>`. */
  readonly ledger: Ledger;
  /** A change of the other side that could not be applied, `strangler.dead_letter`. */
  readonly parked: number | null;
  /** The stream that arrives here is between the other side's `open` and `fence`. */
  readonly flowing: boolean;
  /** What an asynchronous standby knows; null where the model has none. */
  readonly standby: Standby | null;
}

export interface Standby {
  readonly row: Row;
  readonly made: readonly string[];
  readonly ledger: Ledger;
}

export interface ProxyState {
  readonly owner: Side;
  readonly epoch: number;
  readonly holding: boolean;
  /** A write that has been sent and not been answered. */
  readonly inFlight: Side | null;
}

/** A call of a function of `guard/sql/3-ownership.sql` that has been sent; it takes effect later, or never. */
export interface Call {
  readonly does: 'fence' | 'undo' | 'flip' | 'open' | 'bar' | 'confirm';
  readonly side: Side;
  /** What the caller has seen. */
  readonly epoch: number;
  readonly attempt: string | null;
  /** Of a confirmation. */
  readonly as?: 'open' | 'closed';
  readonly newEpoch?: number;
  readonly newAttempt?: string | null;
  /** Of a bar: the other side's history, and what is called with what the bar gives. */
  readonly history?: string;
  readonly followedBy?: Call;
}

/** One instance of the workflow. It knows its own attempt, and the one row that it has read so far. */
export interface Instance {
  readonly active: boolean;
  readonly mine: string | null;
  readonly seen: Row | null;
  readonly call: Call | null;
}

/** A transaction of a writer that goes past the proxies: it has read, then written, then it commits. */
export interface Transaction {
  readonly side: Side;
  readonly wrote: boolean;
  /** Its side was opened since it began. */
  readonly opened: boolean;
  /** The other side has acknowledged a write since it began. */
  readonly overtaken: boolean;
}

export interface State {
  readonly monolith: Database;
  readonly service: Database;
  readonly proxies: readonly ProxyState[];
  readonly instances: readonly Instance[];
  /** A call whose sender has died. */
  readonly orphan: Call | null;
  readonly rogue: Transaction | null;
  /** The last write that was acknowledged to somebody. */
  readonly acknowledged: number;
  /** A write that a person has given up, by forcing a flip while it was parked. */
  readonly givenUp: number;
  readonly attempts: number;
  readonly faults: number;
  /** What must never happen and did; empty otherwise. */
  readonly broken: string;
}

/** How much of everything happens in one exploration. */
export interface Bounds {
  readonly attempts: number;
  readonly writes: number;
  readonly faults: number;
  readonly instances: number;
  readonly proxies: number;
  readonly rogue: boolean;
  /** Both databases have an asynchronous standby that may be promoted, and nobody writes. */
  readonly failover: boolean;
}

const fresh = (state: Row['state']): Row => ({
  state,
  epoch: 1,
  attempt: null,
  late: false,
  passed: false,
  shut: false,
  history: '0',
  barred: '0',
});

/** The monolith is the owner, as after an installation. */
export function beginning({ failover, proxies, instances }: Bounds): State {
  const database = (state: Row['state']): Database => ({
    row: fresh(state),
    value: 0,
    log: [],
    made: [],
    ledger: [],
    parked: null,
    flowing: state === 'closed',
    standby: failover ? { row: fresh(state), made: [], ledger: [] } : null,
  });
  return {
    monolith: database('open'),
    service: database('closed'),
    proxies: Array.from({ length: proxies }, () => ({ owner: 'monolith', epoch: 1, holding: false, inFlight: null })),
    instances: Array.from({ length: instances }, (_, index) => ({
      active: index === 0,
      mine: null,
      seen: null,
      call: null,
    })),
    orphan: null,
    rogue: null,
    acknowledged: 0,
    givenUp: 0,
    attempts: 0,
    faults: 0,
    broken: '',
  };
}

const bit = (value: boolean) => (value ? '1' : '0');
const initial = (value: string | null) => (value === null ? '-' : value[0]);
/** Two rows with the same key are the same. */
export const rowKey = (row: Row | null) =>
  row === null
    ? '~'
    : `${row.state[0]}${row.epoch}${row.attempt ?? '-'}${bit(row.late)}${bit(row.passed)}${bit(row.shut)}${row.history}${row.barred}`;
const callKey = (call: Call | null): string =>
  call === null
    ? '~'
    : `${call.does}${call.side[0]}${call.epoch}${call.attempt ?? '-'}${call.as?.[0] ?? ''}${call.newEpoch ?? ''}${call.newAttempt ?? '-'}${call.history ?? ''}${call.followedBy ? callKey(call.followedBy) : ''}`;
const databaseKey = (each: Database) => {
  let key = `${rowKey(each.row)},${each.value},${bit(each.flowing)},${each.made.join('')},${each.ledger.join('')},${each.parked ?? ''},`;
  for (const entry of each.log) {
    key += entry.kind === 'write' ? `w${entry.value}` : `${entry.kind[0]}${entry.epoch}${entry.attempt ?? '-'}`;
  }
  return each.standby === null
    ? key
    : `${key},${rowKey(each.standby.row)},${each.standby.made.join('')},${each.standby.ledger.join('')}`;
};

/** Two states with the same key are the same. */
export function keyOf(state: State): string {
  let key = `${databaseKey(state.monolith)};${databaseKey(state.service)};`;
  for (const each of state.proxies) key += `${each.owner[0]}${each.epoch}${bit(each.holding)}${initial(each.inFlight)}`;
  for (const each of state.instances) {
    key += `;${bit(each.active)}${each.mine ?? '-'}${rowKey(each.seen)}${callKey(each.call)}`;
  }
  const { rogue } = state;
  key += `;${callKey(state.orphan)};`;
  if (rogue) key += `${rogue.side[0]}${bit(rogue.wrote)}${bit(rogue.opened)}${bit(rogue.overtaken)}`;
  return `${key};${state.acknowledged}.${state.givenUp}.${state.attempts}.${state.faults}${state.broken}`;
}
