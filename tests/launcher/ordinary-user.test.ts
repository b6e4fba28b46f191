import { execFileSync } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, startStack } from '../support/running-stack.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };

/** Anyone but root runs every other test as an ordinary user already; root needs a folder that others may enter. */
function canBeSomebodyElse(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('test', ['-r', join(ROOT, 'package.json')], NOBODY);
    return true;
  } catch {
    return false;
  }
}

test.runIf(canBeSomebodyElse())('everything runs as an ordinary user', async () => {
  const state = await mkdtemp(join(tmpdir(), 'strangler-nobody-'));
  await chown(state, NOBODY.uid, NOBODY.gid);
  const stack = await startStack({ state, account: NOBODY, env: { HOME: state, USER: 'nobody' } });
  expect((await fetch(stack.urls.shop)).status).toBe(200);
  expect(await stack.stop()).toBe(0);
  await rm(state, { recursive: true, force: true });
});
