import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isRunning, type RunningStack, startStack } from '../support/running-stack.ts';
import { until } from '../support/until.ts';

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await stack?.stop();
  await rm(stack.state, { recursive: true, force: true });
});

/** The processes of the running system, the reaper among them. */
async function processes(): Promise<{ name: string; pid: number }[]> {
  return JSON.parse(await readFile(join(stack.state, 'processes.json'), 'utf8'));
}

test('a reaper that is killed is replaced', async () => {
  const find = async () => (await processes()).find(({ name }) => name === 'reaper')?.pid;
  const first = await find();
  process.kill(first!, 'SIGKILL');
  const second = await until(find, (pid) => pid !== undefined && pid !== first, { withinMs: 10_000 });
  expect(isRunning(second!)).toBe(true);
});

test('after kill -9 of the launcher no process stays behind', async () => {
  const all = await processes();
  expect(all.length).toBeGreaterThan(6);
  stack.launcher.kill('SIGKILL');
  await until(
    async () => all.filter(({ pid }) => isRunning(pid)),
    (left) => left.length === 0,
    { withinMs: 30_000 },
  );
});

test('the next start just works', async () => {
  stack = await startStack({ state: stack.state, portBase: stack.portBase });
  expect((await fetch(stack.urls.shop)).status).toBe(200);
});

test('with launcher and reaper killed at once, the next start ends what they left', async () => {
  const all = await processes();
  const reaper = all.find(({ name }) => name === 'reaper');
  stack.launcher.kill('SIGSTOP');
  process.kill(reaper!.pid, 'SIGKILL');
  stack.launcher.kill('SIGKILL');
  const parts = all.filter(({ name }) => name !== 'reaper');
  expect(parts.every(({ pid }) => isRunning(pid))).toBe(true);

  stack = await startStack({ state: stack.state, portBase: stack.portBase });
  expect(stack.output()).toContain('The last launcher ended without stopping its parts');
  expect(parts.filter(({ pid }) => isRunning(pid))).toEqual([]);
  expect((await fetch(stack.urls.shop)).status).toBe(200);
});
