import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('the benchmark of the comparison measures what it says, and prints one JSON object', async () => {
  const program = fileURLToPath(new URL('./compare.ts', import.meta.url));
  const stdout = await new Promise<string>((done) => {
    // Exit status 2 would say that this machine is busy.
    execFile(process.execPath, [program, '--json', '--rounds', '1'], (_error, output) => done(output));
  });
  const { cost_ratio_to_parse, body_bytes, costs_us } = JSON.parse(stdout);
  expect(cost_ratio_to_parse).toBeGreaterThan(0);
  expect(body_bytes).toBeGreaterThan(10_000);
  expect(Object.keys(costs_us)).toContain('equal, laid out differently');
});
