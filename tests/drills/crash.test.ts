import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ROOT } from '../support/running-stack.ts';

const COMMAND = join(ROOT, 'tests/drills/crash.ts');
const run = promisify(execFile);

test('two runs of the crash drill, from a fresh seed, lose nothing, double nothing and show nothing going back', async () => {
  // It prints its seed: with --seed a run that failed is repeated.
  const { stdout, stderr } = await run(process.execPath, [COMMAND, '--runs', '2', '--json']);
  process.stderr.write(stderr);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    runs: 2,
    lost: 0,
    doubled: 0,
    backward_reads: 0,
    half_transactions: 0,
    failed_runs: [],
  });
  expect(report.kills).toBeGreaterThanOrEqual(4);
  expect(report.writes).toBeGreaterThan(0);
});

test('an engine that it does not have is an error that says so', async () => {
  const failed = run(process.execPath, [COMMAND, '--engine', 'other']);
  await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('"other"') });
});
