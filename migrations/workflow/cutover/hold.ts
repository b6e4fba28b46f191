import type { ProxyState } from '../control/proxies.ts';
import { type Attempt, StepFailed, unlessWithdrawn } from './attempt.ts';

/** How long writes that are with the old owner may take to end. New ones wait for as long. */
const IN_FLIGHT_MS_MAX = 3_000;

/**
 * hold: every proxy keeps the writes that come, and says so once those before them have ended. A proxy that does not say
 * so in time is why the attempt is undone; it endangers nothing, as the fence is in the database.
 */
export async function hold(attempt: Attempt): Promise<void> {
  const { proxies, migration, from, epoch, id, signal } = attempt;
  const { capability } = migration;
  proxies.order(capability, { owner: from, epoch, hold: id });
  const isQuiet = (proxy: ProxyState) =>
    isForcedAway(attempt, proxy) || (proxy.answers && holdsQuietly(proxy, capability, id));
  const inTime = await proxies.until((states) => states.every(isQuiet), IN_FLIGHT_MS_MAX, signal);
  unlessWithdrawn(attempt, 'hold');
  if (inTime) return;
  const late = proxies.states().filter((proxy) => !isQuiet(proxy));
  throw new StepFailed(
    'hold',
    `not every proxy holds the writes of ${capability} after ${IN_FLIGHT_MS_MAX} ms: ${late.map((proxy) => describe(proxy, capability)).join(', ')}`,
    'Let long writes end, and look at the proxies that do not answer; then try again.',
  );
}

/** Whether somebody has said by name that this proxy is not to be waited for. */
export function isForcedAway({ forced }: Pick<Attempt, 'forced'>, { answers }: ProxyState): boolean {
  return !answers && forced.has('proxies');
}

function holdsQuietly({ report }: ProxyState, capability: string, attempt: string): boolean {
  const known = report?.capabilities.find((each) => each.capability === capability);
  // A proxy that has not heard of the capability sends none of its writes anywhere by itself.
  if (report !== undefined && known === undefined) return true;
  return known?.hold === attempt && known.in_flight === 0;
}

function describe({ name, answers, report }: ProxyState, capability: string): string {
  if (!answers) return `${name} does not answer`;
  const known = report?.capabilities.find((each) => each.capability === capability);
  return `${name} has ${known?.in_flight ?? 'unknown'} under way`;
}
