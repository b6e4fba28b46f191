import { readFileSync, rmSync } from 'node:fs';
import { addresses, databaseUrls, MIGRATIONS, type Plan } from './parts.ts';
import { type StateFolder, writePrivate } from './state-folder.ts';

/** What `stack.json` says of the running system. Secret: it is written for its owner alone. */
export interface StackFile {
  readonly pid: number;
  readonly started: string;
  readonly urls: { readonly [name: string]: string };
  readonly unleash_url: string;
  readonly unleash_admin_token: string;
  readonly unleash_client_token: string;
  /** What commands give the control plane. */
  readonly control_token: string;
  readonly flags_user: string;
  readonly flags_password: string;
  /** As the applications reach them, and (`cdc`) as change data capture does. */
  readonly databases: { readonly monolith: string; readonly catalog: string };
  /** As their administrators do: for what installs and removes. */
  readonly administrators: { readonly monolith: string; readonly catalog: string };
  readonly cdc: { readonly monolith: string; readonly catalog: string };
  /** The folder of the declarations. */
  readonly migrations: string;
  readonly logs: string;
  readonly pids: { readonly [part: string]: number };
}

/** Everything that commands and people need to find the running system. */
export function describeStack(plan: Plan, pids: Readonly<Record<string, number>>): StackFile {
  const { proxyAdmin, ...urls } = addresses(plan);
  const database = databaseUrls(plan);
  const { unleash } = plan.credentials;
  return {
    pid: process.pid,
    started: new Date(performance.timeOrigin).toISOString(),
    urls: { ...urls, proxy_admin: proxyAdmin },
    unleash_url: `${urls.flags}/api`,
    unleash_admin_token: unleash.adminToken,
    unleash_client_token: unleash.clientToken,
    control_token: plan.credentials.control.token,
    flags_user: unleash.user,
    flags_password: unleash.password,
    databases: { monolith: database.monolith, catalog: database.catalog },
    administrators: { monolith: database.monolithAdministrator, catalog: database.catalogAdministrator },
    cdc: { monolith: database.monolithForCdc, catalog: database.catalogForCdc },
    migrations: MIGRATIONS,
    logs: plan.folder.logs,
    pids,
  };
}

export function writeStackFile(folder: StateFolder, content: StackFile): void {
  writePrivate(folder.stack, content);
}

/** Removes the file, so that nothing looks for a system that has stopped. */
export function removeStackFile(folder: StateFolder): void {
  rmSync(folder.stack, { force: true });
}

/** What the launcher on this folder has written; `undefined` when none runs. */
export function readStackFile(folder: StateFolder): StackFile | undefined {
  try {
    return JSON.parse(readFileSync(folder.stack, 'utf8'));
  } catch {
    return undefined;
  }
}
