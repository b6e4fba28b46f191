import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ROOT } from '../support/running-stack.ts';

const run = promisify(execFile);

test('npm run drill:proxy, its hostile requests and broken answers: nothing is smuggled, nobody is served worse', async () => {
  const args = ['run', '--silent', 'drill:proxy', '--', '--json', '--group', 'requests,answers'];
  // An exit status other than 0 is thrown, with what was printed.
  const { stdout, stderr } = await run('npm', args, { cwd: ROOT });
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    failed_cases: [],
    smuggled: 0,
    failed_requests_of_monolith_users: 0,
    doubled_writes: 0,
    lost_writes: 0,
  });
  expect(report.cases).toBeGreaterThan(50);
  expect(report.requests_of_monolith_users).toBeGreaterThan(100);
  expect(stderr).toContain(`${report.cases}/${report.cases} held`);
});

test('npm run drill:proxy says what it is told wrongly', async () => {
  const wrong = run('npm', ['run', '--silent', 'drill:proxy', '--', '--group', 'nope'], { cwd: ROOT });
  await expect(wrong).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('There is no group nope') });
});
