import { Counter, Gauge, Registry } from 'prom-client';
import type { StreamState, StreamStatus } from './monitor.ts';

const STATES: readonly StreamState[] = [
  'connecting',
  'waiting',
  'loading',
  'streaming',
  'retrying',
  'stopped',
  'retired',
];
const LABELS = ['capability', 'direction'] as const;

/** The status as Prometheus metrics, taken when they are asked for. What is not known is left out. */
export function collectMetrics(streams: () => readonly StreamStatus[]): Registry {
  const registry = new Registry();
  type Value = (stream: StreamStatus) => number | null;
  const labelsOf = ({ capability, direction }: StreamStatus) => ({ capability, direction });
  const common = (name: string, help: string) => ({
    ...{ name: `strangler_cdc_${name}`, help, labelNames: LABELS, registers: [registry] },
  });
  const figure = (name: string, help: string, value: Value) => {
    new Gauge({
      ...common(name, help),
      collect() {
        this.reset();
        for (const stream of streams()) {
          const taken = value(stream);
          if (taken !== null) this.set(labelsOf(stream), taken);
        }
      },
    });
  };
  const count = (name: string, help: string, value: Value) => {
    new Counter({
      ...common(name, help),
      collect() {
        this.reset();
        for (const stream of streams()) this.inc(labelsOf(stream), value(stream) ?? 0);
      },
    });
  };
  figure('lag_bytes', "Bytes of the source's log that are not yet applied.", (stream) => stream.lag_bytes);
  figure('lag_seconds', 'Age of the oldest moment of the source not yet applied.', (stream) => stream.lag_seconds);
  count('rows_applied_total', 'Change events applied since the process began.', (stream) => stream.rows_applied);
  count(
    'transactions_applied_total',
    'Source transactions applied since the process began.',
    (stream) => stream.transactions_applied,
  );
  figure(
    'load_rows',
    'Rows that the initial load has copied; absent when none runs.',
    (stream) => stream.load?.rows ?? null,
  );
  figure(
    'slot_retained_bytes',
    'Log that the source keeps for the replication slot.',
    (stream) => stream.slot.retained_bytes,
  );
  figure(
    'slot_safe_bytes',
    'How much more log the source may keep before the slot is lost; absent without a limit.',
    (stream) => stream.slot.safe_bytes,
  );
  count(
    'rogue_writes_total',
    'Writes of a side that did not own the table, since the stream began: kept, not applied.',
    (stream) => stream.rogue_writes,
  );
  count(
    'echoes_dropped_total',
    'Changes that the other direction wrote, left out since the process began.',
    (stream) => stream.echoes_dropped,
  );
  figure('parked_keys', 'Keys whose events wait as dead letters.', (stream) => stream.dead_letters.keys);
  figure('parked_events', 'Events that wait as dead letters.', (stream) => stream.dead_letters.events);
  new Gauge({
    name: 'strangler_cdc_state',
    help: '1 for the state that the stream is in, 0 for the others.',
    labelNames: [...LABELS, 'state'],
    registers: [registry],
    collect() {
      for (const { capability, direction, state } of streams()) {
        for (const each of STATES) this.set({ capability, direction, state: each }, each === state ? 1 : 0);
      }
    },
  });
  return registry;
}
