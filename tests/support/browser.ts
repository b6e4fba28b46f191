import { existsSync } from 'node:fs';
import sparticuz from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const SYSTEM_BROWSERS = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'];

/** A real Chromium: Playwright's own or the system's where there is one, else the one that npm carries. */
export async function launchBrowser(): Promise<Browser> {
  const installed = [chromium.executablePath(), ...SYSTEM_BROWSERS].find((path) => existsSync(path));
  return chromium.launch({
    executablePath: installed ?? (await sparticuz.executablePath()),
    args: [
      ...(installed ? [] : sparticuz.args.filter((flag) => !flag.startsWith('--headless'))),
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
    ],
  });
}
