import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { readCredentials } from './credentials.ts';
import { isFree, listenerOn } from './port-owner.ts';
import { type Ports, partsByPort } from './ports.ts';
import { asServerAccount, POSTGRES_MAJOR, programPath, serverAccount } from './postgres.ts';
import type { StateFolder } from './state-folder.ts';

/** Why the system cannot start here, and what mends it. */
export interface Problem {
  readonly cause: string;
  readonly fix: string;
}

const FREE_BYTES_MIN = 500 * 1024 * 1024;
const RESET =
  'Run "npm run reset" to begin anew (it deletes all data in that folder), or restore the folder from a copy.';

/** Everything that is in the way of a start, found before anything is started. Changes nothing. */
export async function findProblems(folder: StateFolder, ports: Ports): Promise<Problem[]> {
  const checks = [
    ...stateProblems(folder),
    ...diskProblems(folder),
    ...(await postgresProblems(folder)),
    ...(await portProblems(ports)),
  ];
  return checks;
}

/** Shown to a person: numbered when there are several. */
export function describeProblems(problems: readonly Problem[]): string {
  const indent = problems.length > 1 ? '   ' : '';
  return problems
    .map(({ cause, fix }, index) => {
      const number = problems.length > 1 ? `${index + 1}. ` : '';
      return `${number}${cause.replaceAll('\n', `\n${indent}`)}\n${indent}Fix: ${fix}`;
    })
    .join('\n\n');
}

function stateProblems(folder: StateFolder): Problem[] {
  const problems: Problem[] = [];
  const place = nearestExisting(folder.path);
  if (!statSync(place).isDirectory()) {
    return [
      {
        cause: `The state folder cannot be ${folder.path}: ${place} is a file.`,
        fix: 'Set STRANGLER_STATE to a folder.',
      },
    ];
  }
  if (!may(place, constants.W_OK | constants.X_OK)) {
    const cause = `The state folder ${folder.path} cannot be written by this user (${userName()}).`;
    const fix = 'Make it yours (chown), or set STRANGLER_STATE to a folder that is.';
    return [{ cause, fix }];
  }
  const clusters = [folder.postgresMonolith, folder.postgresServices].filter((path) => existsSync(path));
  for (const path of clusters) problems.push(...clusterProblems(path));
  problems.push(...credentialProblems(folder, clusters.length > 0));
  return problems;
}

function clusterProblems(path: string): Problem[] {
  const { uid } = statSync(path);
  const expected = serverAccount()?.uid ?? process.getuid?.() ?? uid;
  if (uid !== expected) {
    const cause = `The database files in ${path} belong to user ${uid}; PostgreSQL would run as user ${expected} now.`;
    const fix = 'Start as the user who started it before (root or not), or set STRANGLER_STATE to another folder.';
    return [{ cause, fix }];
  }
  let major: string;
  try {
    major = readFileSync(`${path}/PG_VERSION`, 'utf8').trim();
  } catch {
    if (!may(path, constants.R_OK | constants.X_OK)) return [];
    if (readdirSync(path).length === 0) return [];
    return [
      { cause: `The state folder is damaged: ${path} has no PG_VERSION, so it is no PostgreSQL cluster.`, fix: RESET },
    ];
  }
  if (major === POSTGRES_MAJOR && existsSync(`${path}/global/pg_control`)) return [];
  const cause =
    major === POSTGRES_MAJOR
      ? `The state folder is damaged: ${path} has no global/pg_control, so PostgreSQL cannot start on it.`
      : `${path} was made by PostgreSQL ${major}; this is PostgreSQL ${POSTGRES_MAJOR}.`;
  return [{ cause, fix: RESET }];
}

function credentialProblems(folder: StateFolder, needed: boolean): Problem[] {
  if (!existsSync(folder.credentials)) {
    if (!needed) return [];
    return [
      {
        cause: `The state folder is damaged: ${folder.credentials} is gone, and with it the databases' passwords.`,
        fix: RESET,
      },
    ];
  }
  try {
    readCredentials(folder);
    return [];
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES') {
      const cause = `${folder.credentials} cannot be read by this user (${userName()}).`;
      return [{ cause, fix: 'Start as the user who started it before, or set STRANGLER_STATE to another folder.' }];
    }
    return [{ cause: `The state folder is damaged: ${folder.credentials} is not what was written there.`, fix: RESET }];
  }
}

function diskProblems(folder: StateFolder): Problem[] {
  const place = nearestExisting(folder.path);
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  if (free >= FREE_BYTES_MIN) return [];
  const cause = `The disk of ${folder.path} is nearly full: ${mebibytes(free)} free, at least ${mebibytes(FREE_BYTES_MIN)} are needed.`;
  return [{ cause, fix: 'Free some space, or set STRANGLER_STATE to a folder on another disk.' }];
}

/** Runs each program once: the loader says by itself which library it misses. */
async function postgresProblems(folder: StateFolder): Promise<Problem[]> {
  for (const program of ['postgres', 'initdb'] as const) {
    try {
      const call = asServerAccount(await programPath(program), ['--version']);
      await promisify(execFile)(call.command, [...call.args], { env: call.env });
    } catch (error) {
      return [postgresProblem(error as Error & { stderr?: string; code?: unknown; path?: string })];
    }
  }
  // As root the server runs as an account that other people's folders may be closed to.
  if (!serverAccount()) return [];
  const place = nearestExisting(folder.path);
  // By entering it: access(2), and so test(1), leaves out the capability that the server keeps.
  const call = asServerAccount('stat', [`${place}/.`]);
  const reachable = await promisify(execFile)(call.command, [...call.args]).then(
    () => true,
    () => false,
  );
  if (reachable) return [];
  const cause = `PostgreSQL does not run as root but as "nobody", who may not enter ${place}.`;
  return [{ cause, fix: 'Set STRANGLER_STATE to a folder that every user may enter, such as one below /var/tmp.' }];
}

function postgresProblem(error: Error & { stderr?: string; code?: unknown; path?: string }): Problem {
  if (error.code === 'ENOENT' && error.path === 'setpriv') {
    const cause = 'As root PostgreSQL has to be started through setpriv, which is not installed.';
    return { cause, fix: 'Install the package util-linux, or start as an ordinary user.' };
  }
  const words = error.stderr?.trim() || error.message;
  const library = /(lib[^\s:]+\.so[^\s:]*): cannot open shared object file/.exec(words)?.[1];
  if (library) {
    const fix = `Run "npm ci" again if the library lies in node_modules; else install the system package that has it (Debian: apt-get install ${debianPackage(library)}).`;
    return { cause: `PostgreSQL cannot start, as it misses a shared library (${library}):\n${words}`, fix };
  }
  return {
    cause: `PostgreSQL cannot start here:\n${words}`,
    fix: 'Run "npm ci" again, with optional packages and install scripts.',
  };
}

/** Debian names a library's package after its file: libxml2.so.2 is in libxml2, libz.so.1 in zlib1g. */
function debianPackage(library: string): string {
  const known: Record<string, string> = {
    'libz.so.1': 'zlib1g',
    'libcrypt.so.1': 'libcrypt1',
    'liblz4.so.1': 'liblz4-1',
  };
  return known[library] ?? library.replace(/\.so.*$/, '').toLowerCase();
}

async function portProblems(ports: Ports): Promise<Problem[]> {
  const found = await Promise.all(
    partsByPort(ports).map(async ([port, part]) => {
      if (await isFree(port)) return [];
      const listener = await listenerOn(port);
      const who = listener === undefined ? 'another program' : listener;
      return [{ port, cause: `Port ${port}, for ${part}, is in use by ${who}.` }];
    }),
  );
  const busy = found.flat();
  if (busy.length === 0) return [];
  const elsewhere = ports.base + 1_000 > 60_000 ? 5_000 : ports.base + 1_000;
  const fix = `Stop ${busy.length > 1 ? 'them' : 'it'}, or use other ports: STRANGLER_PORT_BASE=${elsewhere} npm start`;
  return [{ cause: busy.map(({ cause }) => cause).join('\n'), fix }];
}

function nearestExisting(path: string): string {
  let place = path;
  while (!existsSync(place)) place = dirname(place);
  return place;
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

function userName(): string {
  return process.env.USER ?? `user ${process.getuid?.() ?? 'unknown'}`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
