import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A workspace's folder, relative to the project's, and the command that generates its code. */
export interface Generator {
  readonly folder: string;
  readonly command: string;
}

/** Every workspace with a `generate` script. */
export function generators(): Generator[] {
  const { workspaces } = readPackage('.');
  return globSync(workspaces ?? [], { cwd: ROOT })
    .filter((folder) => existsSync(join(ROOT, folder, 'package.json')))
    .flatMap((folder) => {
      const command = readPackage(folder).scripts?.generate;
      return command === undefined ? [] : [{ folder, command }];
    });
}

/** The generators whose folder `generated` is not there: after `npm ci --ignore-scripts`, say. */
export function missingGenerators(): Generator[] {
  return generators().filter(({ folder }) => globSync(`${folder}/{,*/}generated`, { cwd: ROOT }).length === 0);
}

/**
 * Generates the code of the given workspaces, in parallel. Needs no network.
 *
 * @throws Error with each failed command and what it printed.
 */
export async function generateCode(wanted: readonly Generator[]): Promise<void> {
  const results = await Promise.allSettled(wanted.map(generate));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason.message)] : []));
  if (failures.length > 0) throw new Error(failures.join('\n\n'));
}

function generate({ folder, command }: Generator): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(command, {
      shell: true,
      cwd: join(ROOT, folder),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PATH: [join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter),
        // Prisma asks for its schema engine and would download it, though generating never runs it. Any program will do.
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output = (output + chunk).slice(-8_000);
      });
    }
    child.on('error', fail);
    child.on('close', (code, signal) => {
      if (code === 0) done();
      else fail(new Error(`"${command}" in ${folder} failed (${signal ?? `exit status ${code}`}):\n${output.trim()}`));
    });
  });
}

function readPackage(folder: string): { workspaces?: string[]; scripts?: Record<string, string> } {
  return JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
}
