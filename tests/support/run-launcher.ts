import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './running-stack.ts';

/** How a run of the launcher ended that was not meant to become ready. */
export interface LauncherResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly uid?: number;
  readonly gid?: number;
  /** A program of `stack/src`; the launcher by default. */
  readonly program?: string;
}

/** Runs the launcher to its end. */
export function runLauncher(env: NodeJS.ProcessEnv, options: RunOptions = {}): Promise<LauncherResult> {
  const { program = 'start.ts', ...account } = options;
  const args = [join(ROOT, 'stack/src', program), ...(program === 'start.ts' ? ['--json'] : [])];
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], ...account });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
      });
    }
    child.on('error', fail);
    child.on('close', (status) => done({ status, ...text }));
  });
}
