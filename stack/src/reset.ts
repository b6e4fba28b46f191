/** `npm run reset`: deletes what launchers keep in the state folder, unless one runs on it. */
import { accessSync, constants, existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { endProcesses } from './end-processes.ts';
import { removeHalfMade } from './postgres.ts';
import { readRegistry } from './registry.ts';
import { lockHolder, stateFolder } from './state-folder.ts';

const folder = stateFolder();
await reset().catch((error: NodeJS.ErrnoException) => {
  const refused = error.code === 'EACCES' || error.code === 'EPERM';
  process.stderr.write(
    refused
      ? `${error.path ?? folder.path} cannot be deleted by this user.\nFix: run it as the user who ran "npm start" there (root or not).\n`
      : `${error.message}\n`,
  );
  process.exitCode = 1;
});

async function reset(): Promise<void> {
  // Who may not read the lock must not take the folder for free.
  if (existsSync(folder.lock)) accessSync(folder.lock, constants.R_OK);
  const holder = lockHolder(folder);
  if (holder) {
    process.stderr.write(
      `A launcher runs on ${folder.path} (pid ${holder.pid}). Stop it first; nothing was deleted.\n`,
    );
    process.exitCode = 1;
    return;
  }
  await endProcesses(readRegistry(folder.processes));
  // STRANGLER_STATE may point anywhere: only what a launcher makes is deleted, whatever else lies beside it.
  const present = folder.entries.filter((path) => existsSync(path));
  for (const path of present) rmSync(path, { recursive: true });
  const halfMade = await Promise.all([folder.postgresMonolith, folder.postgresServices].map(removeHalfMade));
  if (existsSync(folder.path) && readdirSync(folder.path).length === 0) rmdirSync(folder.path);
  const what = [...present.map((path) => basename(path)), ...halfMade.flat()];
  process.stdout.write(
    what.length === 0 ? `Nothing to delete in ${folder.path}.\n` : `Deleted from ${folder.path}: ${what.join(', ')}\n`,
  );
}
