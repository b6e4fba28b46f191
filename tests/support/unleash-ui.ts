import type { Page } from 'playwright-core';

/** What a person does in Unleash's admin UI, with the words that stand on its buttons. */
export interface UnleashUi {
  /** Turns a flag on or off in the environment `development`. */
  toggle(flag: string, on: boolean): Promise<void>;
  /** Sets the rollout of the flag's strategy, in percent. */
  setShare(flag: string, percent: number): Promise<void>;
}

/** Signs in. */
export async function signIn(page: Page, url: string, user: string, password: string): Promise<UnleashUi> {
  await page.goto(url);
  await page.getByRole('textbox', { name: 'Email' }).fill(user);
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'Projects' }).first().waitFor();
  const open = (flag: string) => page.goto(`${url}/projects/default/features/${flag}`);
  return {
    async toggle(flag, on) {
      await open(flag);
      const development = page.getByRole('switch', { name: 'development' });
      // The click is answered by the server before the switch shows it.
      await Promise.all([
        page.waitForResponse((answer) =>
          new URL(answer.url()).pathname.endsWith(`/environments/development/${on ? 'on' : 'off'}`),
        ),
        development.click(),
      ]);
    },
    async setShare(flag, percent) {
      await open(flag);
      await page.getByRole('button', { name: /^Environment development/ }).click();
      await page.getByRole('link', { name: 'Edit strategy' }).click();
      await page.getByRole('spinbutton').fill(String(percent));
      await Promise.all([
        page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.url().includes('/strategies/')),
        page.getByRole('button', { name: 'Save strategy' }).click(),
      ]);
    },
  };
}
