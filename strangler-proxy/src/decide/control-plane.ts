import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Logger } from '../logger.ts';
import type { Hold } from './hold.ts';
import type { KeptOrders } from './kept-orders.ts';
import { ORDER, type OrderedOwnership, orderedOwnership } from './ownership.ts';

/** How a proxy reaches the control plane. */
export interface ControlPlaneOptions {
  /** Of each instance of it: `http://127.0.0.1:7070`. The one that leads answers. */
  readonly urls: readonly string[];
  readonly token: string;
  /** Stays the same over restarts, and is no other proxy's. */
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly hold: Hold;
  readonly kept: KeptOrders;
  /** What else the control plane is told with each report: stages, comparisons. */
  readonly figures?: () => object;
  readonly logger: Logger;
}

/** Ownership as the control plane says it. */
export interface ControlledOwnership extends OrderedOwnership {
  status(): ControlStatus;
  /** Resolves when the control plane has said something, or when time is up. */
  heard(withinMs: number): Promise<void>;
  /** Tells the control plane that this proxy is gone. */
  close(): Promise<void>;
}

export interface ControlStatus {
  /** `kept`: the control plane does not answer, and what it said last holds. `none`: it has never said anything. */
  readonly state: 'fresh' | 'kept' | 'none';
  readonly error: string | undefined;
}

const answer = z.object({
  version: z.number(),
  orders: z.array(ORDER),
});

/** The control plane answers sooner if it has something to say, and after about five seconds if it has not. */
const ORDERS_TIMEOUT_MS = 15_000;
const REPORT_TIMEOUT_MS = 3_000;
/** What renews the lease. */
const REPORT_EVERY_MS = 1_000;
const RETRY_MS = 250;
const LOG_EVERY_MS = 60_000;

/**
 * Follows the control plane: asks for orders and waits for them, takes them, and reports what holds here as soon as it
 * does: a hold only once it is on the disk, and that it is complete once no write is with an upstream any more.
 *
 * Nothing here ends a hold but an order. While the control plane is lost, what it said last holds.
 */
export function followControlPlane(options: ControlPlaneOptions): ControlledOwnership {
  const { hold, kept, logger, name } = options;
  const ownership = orderedOwnership(options.capabilities, kept.atStart);
  const closing = new AbortController();
  let url = 0;
  let error: string | undefined = 'it was not asked yet';
  let isKnown = kept.atStart.length > 0;
  const answered = Promise.withResolvers<void>();
  let loggedAt = Number.NEGATIVE_INFINITY;
  let wake = () => {};
  let isDue = false;
  /** What a restart would know too. Nothing else is reported. */
  let confirmed = ownership.orders();
  let isConfirmed = true;

  for (const order of ownership.orders()) if (order.hold !== null) hold.start(order.capability);
  hold.onIdle(reportNow);
  const following = [followOrders(), reportOn()];

  return {
    ...ownership,
    heard: (withinMs) => Promise.race([answered.promise, sleep(withinMs, undefined, { ref: false })]),
    status: () => ({ state: !isKnown ? 'none' : error === undefined ? 'fresh' : 'kept', error }),
    async close() {
      closing.abort();
      wake();
      await Promise.all(following);
      await call('DELETE', '', undefined, AbortSignal.timeout(REPORT_TIMEOUT_MS)).catch(() => {});
    },
  };

  async function followOrders(): Promise<void> {
    let after = -1;
    while (!closing.signal.aborted) {
      const asked = url;
      try {
        const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(ORDERS_TIMEOUT_MS)]);
        const { version, orders } = answer.parse(await call('GET', `/orders?after=${after}`, undefined, signal));
        after = version;
        await take(orders);
        isKnown = true;
        answered.resolve();
        succeeded();
      } catch (cause) {
        if (closing.signal.aborted) return;
        after = -1;
        await failed(cause, asked);
      }
    }
  }

  async function take(orders: z.infer<typeof answer>['orders']): Promise<void> {
    for (const order of orders) {
      if (!ownership.take(order)) continue;
      isConfirmed = false;
      // Who waits knows the owner now, and need not wait for our disk.
      if (order.hold === null) hold.release(order.capability);
      else hold.start(order.capability);
    }
    if (isConfirmed) return;
    const taken = ownership.orders();
    await kept.keep(taken);
    confirmed = taken;
    isConfirmed = true;
    reportNow();
  }

  function reportNow(): void {
    isDue = true;
    wake();
  }

  async function reportOn(): Promise<void> {
    while (!closing.signal.aborted) {
      isDue = false;
      const asked = url;
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(REPORT_TIMEOUT_MS)]);
      await call('POST', '', report(), signal).then(succeeded, (cause) => failed(cause, asked));
      if (isDue) continue;
      const nap = Promise.withResolvers<void>();
      wake = nap.resolve;
      const alarm = setTimeout(nap.resolve, REPORT_EVERY_MS);
      await nap.promise;
      clearTimeout(alarm);
    }
  }

  function report() {
    return {
      pid: process.pid,
      capabilities: confirmed.map((order) => {
        const { inFlight, waiting, ended } = hold.counts(order.capability);
        return { ...order, in_flight: inFlight, waiting, ended };
      }),
      figures: options.figures?.() ?? {},
    };
  }

  async function call(method: string, path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const base = (options.urls[url] as string).replace(/\/+$/, '');
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { authorization: `Bearer ${options.token}`, 'content-type': 'application/json' };
    const response = await fetch(`${base}/v1/proxies/${encodeURIComponent(name)}${path}`, {
      ...{ method, headers, signal },
      ...content,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${base} answers ${response.status}: ${text.slice(0, 200)}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  function succeeded(): void {
    error = undefined;
  }

  /** The next instance, after a moment; not on from one that another call has moved on from already. */
  async function failed(cause: unknown, asked: number): Promise<void> {
    const { message, cause: deeper } = cause as Error & { cause?: Error };
    error = deeper?.message ?? message;
    if (url === asked) url = (url + 1) % options.urls.length;
    if (performance.now() - loggedAt > LOG_EVERY_MS) {
      loggedAt = performance.now();
      logger.warn({ error }, 'The control plane does not answer: owners stay as they are');
    }
    await sleep(RETRY_MS, undefined, { signal: closing.signal }).catch(() => {});
  }
}
