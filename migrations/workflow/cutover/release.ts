import type { ProxyState } from '../control/proxies.ts';
import type { Attempt } from './attempt.ts';

const TOLD_MS_MAX = 2_000;

/**
 * release: proxies learn the owner and its epoch, and what they hold goes there. Who does not hear it now holds on until
 * it does; the databases know better than to take its writes at the old owner.
 */
export async function release({ proxies, migration, to, epoch, signal }: Attempt): Promise<void> {
  const { capability } = migration;
  proxies.order(capability, { owner: to, epoch: epoch + 1, hold: null });
  const knows = ({ answers, report }: ProxyState) => {
    const known = report?.capabilities.find((each) => each.capability === capability);
    return !answers || known === undefined || known.epoch > epoch;
  };
  await proxies.until((states) => states.every(knows), TOLD_MS_MAX, signal);
}
