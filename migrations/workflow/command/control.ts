import { readControlConfig } from '../control/config.ts';
import { runControlPlane } from '../control/process.ts';

/** `strangler control`: the control plane itself, until it is told to stop. */
export async function control(environment: NodeJS.ProcessEnv): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  await runControlPlane(readControlConfig(environment), stop.signal);
  return 0;
}
