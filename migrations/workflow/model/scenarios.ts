import { PROTOCOL, type Rules } from './guard.ts';
import type { Bounds } from './state.ts';

const SMALL: Bounds = {
  attempts: 1,
  writes: 1,
  faults: 1,
  instances: 1,
  proxies: 1,
  rogue: false,
  failover: false,
};
const FAILOVER: Bounds = { ...SMALL, failover: true, writes: 0, proxies: 0 };

/** What is explored, with what is in it. */
export interface Scenario {
  readonly title: string;
  readonly bounds: Bounds;
}

/** Together a few seconds: the tests run them all. */
export const SCENARIOS: readonly Scenario[] = [
  {
    title: 'one move; two instances of the workflow, two proxies, a job that bypasses them, one fault',
    bounds: { ...SMALL, instances: 2, proxies: 2, writes: 2, rogue: true },
  },
  {
    title: 'there and back; a job that bypasses the proxy, one fault',
    bounds: { ...SMALL, attempts: 2, writes: 2, rogue: true },
  },
  { title: 'one move; a proxy and its writes, two faults', bounds: { ...SMALL, writes: 2, faults: 2, instances: 2 } },
  {
    title: 'there and back; two instances of the workflow, a proxy, one fault',
    bounds: { ...SMALL, attempts: 2, instances: 2 },
  },
  {
    title: 'one move; two instances of the workflow, two faults, failovers to standbys that forget',
    bounds: { ...FAILOVER, instances: 2, faults: 2 },
  },
  { title: 'there and back; one failover to a standby that forgets', bounds: { ...FAILOVER, attempts: 2 } },
];

/** Minutes: `npm run model -- --deep`. */
export const DEEP: readonly Scenario[] = [
  {
    title: 'there and back; two faults, failovers to standbys that forget',
    bounds: { ...FAILOVER, attempts: 2, faults: 2 },
  },
  {
    title: 'one move; two instances of the workflow, a proxy, a job that bypasses it, two faults',
    bounds: { ...SMALL, instances: 2, writes: 2, rogue: true, faults: 2 },
  },
];

/** A protocol that lacks something, with the smallest scenario in which that shows. */
export interface Mutation {
  readonly title: string;
  readonly without: readonly (keyof Rules)[];
  readonly bounds: Bounds;
  readonly found: RegExp;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    title: 'two deciders, each of whom decides in its own memory and not in the row',
    without: ['compareAndSet'],
    bounds: { ...SMALL, instances: 2, faults: 2 },
    found: /both sides accept writes/,
  },
  {
    title: 'after the flip somebody undoes, instead of going forward',
    without: ['forward', 'marker'],
    bounds: SMALL,
    found: /both sides accept writes/,
  },
  {
    title: 'a fence that does not wait for transactions that have written',
    without: ['lock'],
    bounds: { ...SMALL, rogue: true },
    found: /the guard has a hole/,
  },
  {
    title: 'a flip without the drain, and an opening that does not look for the fence marker in its own ledger',
    without: ['marker', 'drain'],
    bounds: SMALL,
    found: /the service accepts writes without write 1/,
  },
  {
    title: 'a flip after the deadline, when writers have passed the fence',
    without: ['deadline', 'passed'],
    bounds: { ...SMALL, rogue: true },
    found: /the service accepts writes without write 1/,
  },
  {
    title: 'a flip that looks at the clock alone, and the clock is set back',
    without: ['passed'],
    bounds: { ...SMALL, rogue: true, faults: 2 },
    found: /the service accepts writes without write 1/,
  },
  {
    title: 'a flip although a change is parked',
    without: ['check'],
    bounds: SMALL,
    found: /the service accepts writes without write 1/,
  },
  {
    title: 'a sync that may write where the side is open, and a parked change that is replayed after the flip',
    without: ['syncOnlyClosed'],
    bounds: { ...SMALL, writes: 2, faults: 2 },
    found: /the service accepts writes without write 2/,
  },
  {
    title: 'a side that opens for transactions that began before it did',
    without: ['beganBefore'],
    bounds: { ...SMALL, attempts: 2, writes: 2, rogue: true },
    found: /the job overwrote a write/,
  },
  {
    title: 'a fence before the proxies hold',
    without: ['hold'],
    bounds: { ...SMALL, faults: 0 },
    found: /a request through proxy 1 failed although nothing was broken/,
  },
  {
    title: 'a proxy that releases by itself',
    without: ['noSelfRelease'],
    bounds: { ...SMALL, faults: 0 },
    found: /a request through proxy 1 failed although nothing was broken/,
  },
  {
    title: 'a server that accepts writes after a failover although it may have forgotten the fence',
    without: ['shut'],
    bounds: { ...FAILOVER, attempts: 2 },
    found: /neither side is closed|both sides accept writes/,
  },
  {
    title: 'a side that is confirmed as the owner without the other one being barred',
    without: ['bar'],
    bounds: { ...FAILOVER, attempts: 2, faults: 2 },
    found: /both sides accept writes/,
  },
];

/** Found only among many states: `npm run model -- --deep`. */
export const DEEP_MUTATIONS: readonly Mutation[] = [
  {
    title: 'a flip that does not wait for the standby, which then has forgotten that its side was ever opened',
    without: ['standbys'],
    bounds: { ...FAILOVER, attempts: 2, faults: 2 },
    found: /both sides accept writes/,
  },
];

/** The protocol without these rules. */
export function without(rules: readonly (keyof Rules)[]): Rules {
  return { ...PROTOCOL, ...Object.fromEntries(rules.map((rule) => [rule, false])) };
}
