import { Counter, Gauge, type Registry } from 'prom-client';
import type { Hold } from './decide/hold.ts';
import type { Ownership } from './decide/ownership.ts';

/** Shows who owns what, and the writes that wait for a change of it, each time that the metrics are read. */
export function watchOwners(
  registry: Registry,
  watched: () => { readonly capabilities: readonly string[]; readonly ownership: Ownership; readonly hold: Hold },
): void {
  const gauge = (name: string, help: string, each: (capability: string, now: ReturnType<typeof watched>) => number) => {
    const metric = new Gauge({
      ...{ name, help, labelNames: ['capability'], registers: [registry] },
      collect() {
        metric.reset();
        const now = watched();
        for (const capability of now.capabilities) metric.set({ capability }, each(capability, now));
      },
    });
  };
  gauge(
    'strangler_proxy_owner_is_service',
    'Whether the service owns the writes, by capability',
    (capability, { ownership }) => (ownership.ownerOf(capability) === 'service' ? 1 : 0),
  );
  gauge('strangler_proxy_owner_epoch', 'The epoch of the owner that writes go to', (capability, { ownership }) =>
    ownership.epochOf(capability),
  );
  gauge(
    'strangler_proxy_writes_in_flight',
    'Writes that are with an upstream',
    (capability, { hold }) => hold.counts(capability).inFlight,
  );
  gauge(
    'strangler_proxy_writes_waiting',
    'Writes that wait for a change of owner',
    (capability, { hold }) => hold.counts(capability).waiting,
  );
  const waits = new Counter({
    name: 'strangler_proxy_writes_held_total',
    help: 'Writes that have waited for a change of owner, by how that ended: released, left, or the code of a 503',
    labelNames: ['capability', 'end'],
    registers: [registry],
    collect() {
      waits.reset();
      const { capabilities, hold } = watched();
      for (const capability of capabilities) {
        for (const [end, count] of Object.entries(hold.counts(capability).ended)) waits.inc({ capability, end }, count);
      }
    },
  });
}
