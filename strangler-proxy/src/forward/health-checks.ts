import { Pool } from 'undici';
import type { Instance } from './instances.ts';

/** Asks one instance again and again whether it is well. */
export interface HealthChecks {
  stop(): void;
}

/** Bad checks in a row that make an instance unhealthy. One good check makes it healthy again. */
const BAD_CHECKS_MAX = 3;
const CHECK_TIMEOUT_MS_MAX = 2_000;

/**
 * Asks now, and then `intervalMs` after each answer: never twice at once. Any status from 200 to 399 is good.
 *
 * The checks have a connection of their own: those of the traffic may all be stuck.
 */
export function startHealthChecks(instance: Instance, path: string, intervalMs: number): HealthChecks {
  const timeoutMs = Math.min(intervalMs, CHECK_TIMEOUT_MS_MAX);
  const pool = new Pool(instance.origin, {
    connections: 1,
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    allowH2: false,
  });
  let bad = 0;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  async function check(): Promise<void> {
    const isGood = await pool
      .request({ method: 'GET', path, headers: { 'User-Agent': 'strangler-proxy-health' } })
      .then(async ({ statusCode, body }) => {
        await body.dump();
        return statusCode < 400;
      })
      .catch(() => false);
    if (isStopped) return;
    bad = isGood ? 0 : bad + 1;
    if (isGood) instance.isHealthy = true;
    else if (bad >= BAD_CHECKS_MAX) instance.isHealthy = false;
    timer = setTimeout(check, intervalMs).unref();
  }

  void check();
  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
      void pool.destroy();
    },
  };
}
