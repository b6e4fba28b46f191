import type { Attempt } from '../attempt.ts';
import { isForcedAway } from '../hold.ts';
import type { Finding } from './finding.ts';

/** Every proxy answers, and knows the owner that there is. */
export async function checkProxies(attempt: Attempt): Promise<Finding> {
  const { proxies, migration, epoch, from } = attempt;
  const states = proxies.states();
  if (states.length === 0) {
    return { ok: false, found: 'no proxy has reported', mend: 'Start one with STRANGLER_CONTROL_URL' };
  }
  const silent = states.filter((proxy) => !proxy.answers && !isForcedAway(attempt, proxy));
  if (silent.length > 0) {
    const names = silent.map(({ name, silentMs }) =>
      silentMs === null
        ? `${name} (not since this control plane leads)`
        : `${name} (for ${Math.round(silentMs / 1_000)} s)`,
    );
    return {
      ok: false,
      found: `these proxies do not answer: ${names.join(', ')}`,
      mend: 'Start them again, or say that they are gone: strangler forget <proxy>',
    };
  }
  const behind = states.filter(({ report }) => {
    const known = report?.capabilities.find(({ capability }) => capability === migration.capability);
    return known !== undefined && (known.epoch !== epoch || known.owner !== from);
  });
  if (behind.length > 0) {
    const names = behind.map(({ name }) => name).join(', ');
    return { ok: false, found: `these proxies believe in another owner: ${names}`, mend: 'Ask again in a second' };
  }
  const answering = states.filter(({ answers }) => answers).length;
  return { ok: answering > 0, found: `${answering} of ${states.length} answer, at epoch ${epoch}`, mend: null };
}
