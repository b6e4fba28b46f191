/**
 * A small process that outlives the launcher: it holds a pipe to it, and when the pipe closes it ends whatever the
 * launcher had started and not taken back. So a launcher that is killed with -9 leaves nothing behind.
 */
import { createInterface } from 'node:readline';
import { endProcesses } from './end-processes.ts';
import type { Registered } from './registry.ts';

// Whatever ends the launcher (a closed terminal, a signal to a whole group) must not end this first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

let registered: readonly Registered[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  registered = JSON.parse(line);
}
await endProcesses(registered);
