import type { Refusal } from '../errors.ts';
import type { Instance } from './instances.ts';
import type { Upstream } from './upstreams.ts';

/**
 * Takes one request in: chooses the instance and counts the request there until {@link leave}. The instance is the one
 * with the fewest requests under way, in turn among equals.
 *
 * @param hasFallback whether somebody else can serve if this upstream refuses; then nobody is sent to an instance that
 *   most likely fails
 * @param besides an instance that has just failed; avoided if there is another
 */
export function admit(upstream: Upstream, hasFallback: boolean, besides?: Instance): Instance | Refusal {
  if (upstream.inFlight >= upstream.inFlightMax) return refuse(upstream, 'upstream-busy');
  const instance =
    pick(upstream, (one) => one !== besides && one.isHealthy) ?? (hasFallback ? undefined : lastResort(upstream));
  if (instance === undefined) return refuse(upstream, 'upstream-circuit-open');
  upstream.inFlight++;
  instance.inFlight++;
  return instance;
}

/** The request is over as far as this upstream is concerned. */
export function leave(upstream: Upstream, instance: Instance): void {
  upstream.inFlight--;
  instance.inFlight--;
}

/** The instance for a request that nobody waits for; it is not counted, and it is no probe. */
export function leastBusy({ instances }: Upstream): Instance {
  const available = instances.filter(({ isHealthy, circuit }) => isHealthy && circuit.state === 'closed');
  const among = available.length > 0 ? available : instances;
  return among.reduce((least, one) => (one.inFlight < least.inFlight ? one : least));
}

/** Whether another instance than this could be asked now. */
export function hasAnother({ instances }: Upstream, besides: Instance): boolean {
  return instances.some((one) => one !== besides && one.isHealthy && one.circuit.isReady);
}

/**
 * Where nobody else can serve, a failing health check alone turns nobody away: the check may be wrong. And the monolith
 * is asked even then when all of its instances are ejected: refusing can only make worse what worked before.
 */
function lastResort(upstream: Upstream): Instance | undefined {
  return pick(upstream, () => true) ?? (upstream.failsFast ? undefined : leastBusy(upstream));
}

function pick(upstream: Upstream, isEligible: (instance: Instance) => boolean): Instance | undefined {
  const { instances } = upstream;
  let chosen: Instance | undefined;
  const { length } = instances;
  // With one instance there is no turn to take, which is the usual case.
  const first = length === 1 ? 0 : ++upstream.turn % length;
  for (let i = 0; i < length; i++) {
    const instance = instances[(first + i) % length] as Instance;
    if (chosen !== undefined && chosen.inFlight <= instance.inFlight) continue;
    if (isEligible(instance) && instance.circuit.isReady) chosen = instance;
  }
  return chosen?.circuit.tryEnter() === true ? chosen : undefined;
}

function refuse(upstream: Upstream, code: Refusal): Refusal {
  upstream.refused[code]++;
  return code;
}
