import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, type RunningStack } from '../../support/running-stack.ts';

const EVERY_MS = 3_000;

/** The shop's repricing job, which writes straight into the monolith's database, past every proxy. */
export function startBypass(stack: RunningStack) {
  const counts = { done: 0, refused: 0, failed: [] as string[] };
  let isOver = false;
  let current: Promise<void> = Promise.resolve();
  const run = () =>
    new Promise<void>((done) => {
      const env = { PATH: process.env.PATH, DATABASE_URL: stack.databases.monolith };
      execFile(process.execPath, [join(ROOT, 'monolith/src/jobs/reprice.ts')], { env }, (error, _stdout, stderr) => {
        // What the guard says to a writer that comes past the proxy, or that was under way when the owner moved.
        if (error === null) counts.done++;
        else if (/the writes of catalog|began before the writes of catalog|could not serialize/.test(stderr))
          counts.refused++;
        else counts.failed.push(stderr.trim().slice(0, 300));
        done();
      });
    });
  const loop = (async () => {
    while (!isOver) {
      current = run();
      await current;
      await new Promise((wake) => setTimeout(wake, EVERY_MS));
    }
  })();
  return {
    async stop() {
      isOver = true;
      await loop;
      return counts;
    },
  };
}
