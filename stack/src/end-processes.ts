import { isAlive, signalGroup } from './process-identity.ts';
import type { Registered } from './registry.ts';

const POLL_MS = 50;

/** Ends processes that have no launcher any more: gracefully, and past each one's deadline with SIGKILL. */
export async function endProcesses(processes: readonly Registered[]): Promise<void> {
  await Promise.all(processes.map(endProcess));
}

async function endProcess(process: Registered): Promise<void> {
  const killAt = Date.now() + process.withinMs;
  signalGroup(process, process.signal);
  // Past SIGKILL only the kernel can be in the way; nothing is gained by waiting for that for ever.
  const giveUpAt = killAt + 5_000;
  while (isAlive(process) && Date.now() < giveUpAt) {
    if (Date.now() > killAt) signalGroup(process, 'SIGKILL');
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}
