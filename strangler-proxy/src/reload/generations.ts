import type { Hold } from '../decide/hold.ts';
import type { StranglerProxy } from '../proxy.ts';

/** A proxy that can be replaced by another while it serves: what has begun ends where it began. */
export interface Generations extends Pick<StranglerProxy, 'handler' | 'continueHandler' | 'upgrade'> {
  current(): StranglerProxy;
  /** What comes from now on is the next one's. */
  replace(next: StranglerProxy): void;
  /** Closes them all. */
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;
/** Longer than a request waits for anything before its upstream is asked, but for a hold. */
const GRACE_MS = 15_000;

/** @param hold what the generations share: a write that waits there goes on where it came in */
export function createGenerations(first: StranglerProxy, hold: Hold): Generations {
  const retired = new Map<StranglerProxy, number>();
  let current = first;
  let timer: NodeJS.Timeout | undefined;

  // To count would cost every request something, and nobody waits for the old connections to be closed.
  function closeIdle(): void {
    for (const [proxy, since] of retired) {
      if (performance.now() - since < GRACE_MS || !isIdle(proxy)) continue;
      if (hold.all().some(({ waiting }) => waiting > 0)) continue;
      retired.delete(proxy);
      void proxy.close();
    }
    if (retired.size > 0) timer = setTimeout(closeIdle, LOOK_EVERY_MS).unref();
  }

  return {
    handler: (request, response) => current.handler(request, response),
    continueHandler: (request, response) => current.continueHandler(request, response),
    upgrade: (request, socket, head) => current.upgrade(request, socket, head),
    current: () => current,
    replace(next) {
      retired.set(current, performance.now());
      current = next;
      clearTimeout(timer);
      timer = setTimeout(closeIdle, LOOK_EVERY_MS).unref();
    },
    async close() {
      clearTimeout(timer);
      await Promise.all([current, ...retired.keys()].map((proxy) => proxy.close()));
    },
  };
}

function isIdle({ upstreams }: StranglerProxy): boolean {
  return upstreams.names.every((name) => upstreams.get(name).inFlight === 0);
}
