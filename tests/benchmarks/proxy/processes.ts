import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** A process of the benchmark, ready to be used. */
export interface Running {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** The processor that the proxies get, one at a time; what loads them gets another. */
export const PROXY_CPU = 0;
export const LOAD_CPU = 1;

/** Whether processes can be kept to a processor each. */
export const pinned =
  availableParallelism() > 1 && process.platform === 'linux' && succeeds('taskset', ['-c', '0', 'true']);

/** Command and arguments, kept to one processor where that can be had. */
export function onCpu(cpu: number, command: string, args: readonly string[]): [string, string[]] {
  return pinned ? ['taskset', ['-c', String(cpu), command, ...args]] : [command, [...args]];
}

/** Starts a program that prints `ready` on a line of its own. @throws Error with what it printed when it ends instead. */
export async function startProgram(
  cpu: number,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  port: number,
  isReady: (output: string) => boolean = (output) => output.includes('ready'),
): Promise<Running> {
  const child = spawn(...onCpu(cpu, command, args), {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await untilReady(child, isReady, args.join(' '));
  return {
    pid: child.pid ?? 0,
    port,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

const READY_WITHIN_MS = 20_000;

function untilReady(child: ChildProcess, isReady: (output: string) => boolean, name: string): Promise<void> {
  let output = '';
  return new Promise((done, fail) => {
    const late = () => fail(new Error(`${name} was not ready within ${READY_WITHIN_MS / 1_000} s:\n${output}`));
    setTimeout(late, READY_WITHIN_MS).unref();
    child.on('error', fail).on('exit', () => fail(new Error(`${name} ended while starting:\n${output}`)));
    for (const stream of [child.stdout, child.stderr]) {
      // Reading goes on to the end: a full pipe would stop the process.
      stream?.on('data', (chunk: Buffer) => {
        if (output.length > 4_000) return;
        output += chunk;
        if (isReady(output)) done();
      });
    }
  });
}

/** Processor time that a process has used, in microseconds; null where the system does not say. */
export function cpuMicroseconds(pid: number): number | null {
  try {
    // proc_pid_stat(5): fields 14 and 15, in clock ticks, which are hundredths of a second on every Linux that Node runs on.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return null;
  }
}

/** Resident memory of a process in MiB; null where the system does not say. */
export function residentMebibytes(pid: number): number | null {
  try {
    return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1_024;
  } catch {
    return null;
  }
}

/** Whether a command runs and ends well. */
export function succeeds(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
