import type pg from 'pg';
import { z } from 'zod';
import type { Side } from '../guard/index.ts';

/** What proxies are told of one capability. */
export interface Order {
  readonly capability: string;
  readonly owner: Side;
  readonly epoch: number;
  /** Rises with every order, also over a loss of our own database: it is never less than the time. */
  readonly version: number;
  readonly hold: string | null;
}

const capabilityReport = z.object({
  capability: z.string(),
  owner: z.enum(['monolith', 'service']),
  epoch: z.number(),
  version: z.number(),
  hold: z.string().nullable(),
  in_flight: z.number(),
  waiting: z.number(),
  ended: z.record(z.string(), z.number()),
});

const routeFigures = z.object({
  capability: z.string(),
  route: z.string(),
  kind: z.enum(['read', 'write']),
  stage: z.string(),
  requests: z.object({ monolith: z.number(), service: z.number() }),
  outcomes: z.record(z.string(), z.number()).optional(),
  latency: z.unknown().optional(),
});

/** What a proxy reports of itself. */
export const proxyReport = z.object({
  pid: z.number(),
  capabilities: z.array(capabilityReport),
  figures: z.object({ routes: z.array(routeFigures).optional() }),
});
export type ProxyReport = z.infer<typeof proxyReport>;
export type CapabilityReport = z.infer<typeof capabilityReport>;
export type RouteFigures = z.infer<typeof routeFigures>;

/** One proxy that there is, or that was there and never said that it went. */
export interface ProxyState {
  readonly name: string;
  /** Milliseconds since it was last heard of; null if this instance never has. */
  readonly silentMs: number | null;
  /** Whether its lease holds. */
  readonly answers: boolean;
  readonly report: ProxyReport | undefined;
}

/** A proxy that was not heard of for so long may be gone. It reports every second, and at once when something changes. */
const LEASE_MS = 4_000;

/** Who the proxies are, what they are told, and what they say. */
export interface Proxies {
  /** Says to every proxy who owns a capability and whether its writes wait. Proxies ask for it and wait for changes. */
  order(capability: string, order: Pick<Order, 'owner' | 'epoch' | 'hold'>): Order;
  orders(): { readonly version: number; readonly orders: readonly Order[] };
  /** Resolves when there is something newer than `after`, or with the signal. */
  newer(after: number, signal: AbortSignal): Promise<void>;
  report(name: string, report: ProxyReport): Promise<void>;
  gone(name: string): Promise<void>;
  states(): readonly ProxyState[];
  /** Resolves as soon as `condition` holds, which is looked at after every report; false if it does not in time. */
  until(condition: (states: readonly ProxyState[]) => boolean, withinMs: number, signal: AbortSignal): Promise<boolean>;
}

const LOOK_EVERY_MS = 200;

/** The proxies that the database knows of are expected to answer again. */
export async function openProxies(pool: pg.Pool): Promise<Proxies> {
  const { rows } = await pool.query<{ name: string }>('SELECT name FROM control.proxy WHERE gone_at IS NULL');
  const known = new Map<string, { report: ProxyReport | undefined; heardAt: number | undefined }>(
    rows.map(({ name }) => [name, { report: undefined, heardAt: undefined }]),
  );
  const orders = new Map<string, Order>();
  const listeners = new Set<() => void>();
  const told = new Set<() => void>();
  let version = 0;

  const wake = (waiting: Set<() => void>) => {
    for (const each of [...waiting]) each();
  };
  const states = (): ProxyState[] =>
    [...known].map(([name, { report, heardAt }]) => {
      const silentMs = heardAt === undefined ? null : performance.now() - heardAt;
      return { name, silentMs, answers: silentMs !== null && silentMs < LEASE_MS, report };
    });

  return {
    order(capability, { owner, epoch, hold }) {
      const before = orders.get(capability);
      if (before && before.owner === owner && before.epoch === epoch && before.hold === hold) return before;
      version = Math.max(version + 1, Date.now());
      const order = { capability, owner, epoch, hold, version };
      orders.set(capability, order);
      wake(told);
      return order;
    },
    orders: () => ({ version, orders: [...orders.values()] }),
    newer(after, signal) {
      if (version > after) return Promise.resolve();
      return new Promise((done) => {
        const end = () => {
          told.delete(end);
          signal.removeEventListener('abort', end);
          done();
        };
        told.add(end);
        signal.addEventListener('abort', end);
      });
    },
    async report(name, report) {
      if (!known.has(name)) {
        await pool.query(
          `INSERT INTO control.proxy (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET gone_at = NULL, since = now()`,
          [name],
        );
      }
      known.set(name, { report, heardAt: performance.now() });
      wake(listeners);
    },
    async gone(name) {
      known.delete(name);
      await pool.query('UPDATE control.proxy SET gone_at = now() WHERE name = $1', [name]);
      wake(listeners);
    },
    states,
    async until(condition, withinMs, signal) {
      const deadline = performance.now() + withinMs;
      while (!condition(states())) {
        const left = deadline - performance.now();
        if (left <= 0 || signal.aborted) return false;
        await new Promise<void>((done) => {
          const end = () => {
            clearTimeout(timer);
            listeners.delete(end);
            signal.removeEventListener('abort', end);
            done();
          };
          const timer = setTimeout(end, Math.min(left, LOOK_EVERY_MS));
          listeners.add(end);
          signal.addEventListener('abort', end);
        });
      }
      return true;
    },
  };
}
