import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ROOT } from '../../support/running-stack.ts';

const COMMAND = join(ROOT, 'tests/benchmarks/cdc/cdc.ts');
const run = promisify(execFile);

test('a small run of the benchmark prints each figure of the contract, and nothing else on stdout', async () => {
  const { stdout } = await run(process.execPath, [
    ...[COMMAND, '--json', '--rows', '1000', '--rounds', '1', '--seconds', '1'],
  ]);
  const report = JSON.parse(stdout);
  const figure = expect.any(Number);
  expect(report).toMatchObject({
    catch_up_ratio_to_native: figure,
    small_transactions_ratio_to_native: figure,
    snapshot_ratio_to_copy: figure,
    verify_ratio_to_count: figure,
    rows_per_second: figure,
    lag_ms: { mean: figure, p99: figure },
    memory_growth_mib: figure,
    debezium: null,
  });
  expect(report.notes).toContainEqual(expect.stringContaining('debezium'));
});

test('a part that it does not have is an error that names those which it has', async () => {
  const failed = run(process.execPath, [COMMAND, '--only', 'bulks']);
  await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('bulk, single') });
});
