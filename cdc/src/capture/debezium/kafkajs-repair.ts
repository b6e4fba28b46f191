import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
}

/**
 * Repairs kafkajs 2.2.4, whose request queue sets a timer for "when throttling ends" also when nothing is throttled:
 * that is a negative time, which Node takes for one millisecond, and each timer sets the next. An idle connection
 * polls a thousand times a second (its issue 1751). A timer is needed only where something waits.
 */
export function repairRequestQueue(): void {
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/network/requestQueue') as {
    prototype: { scheduleCheckPendingRequests(this: RequestQueue): void };
  };
  if (Object.hasOwn(prototype, REPAIRED)) return;
  const original = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) original.call(this);
  };
  Object.defineProperty(prototype, REPAIRED, { value: true });
}

const REPAIRED = Symbol.for('strangler.kafkajs-request-queue-repaired');
