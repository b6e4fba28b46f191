import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadMigrations } from 'strangler-migrations/define';
import { writeRule } from '../write-rule.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage.ts';

/**
 * `strangler compare accept <capability>.<route> "<rule>"`: writes one comparison rule into the declaration, for a person
 * to review and commit. Gives its exit status.
 */
export async function accept(
  folder: string,
  options: { json: boolean; dryRun: boolean; words: readonly string[] },
  terminal: Terminal,
): Promise<number> {
  const [what, name, rule, ...more] = options.words;
  if (what !== 'accept' || name === undefined || rule === undefined || more.length > 0) {
    throw new UsageError(`strangler compare accept <capability>.<route> "ignore('/took', 'Time taken')"`);
  }
  if (rule.includes(`'WHY'`)) throw new UsageError('say why instead of WHY: whoever reads a report has to trust it');
  const [capability = '', id] = name.split('.');
  const migrations = await loadMigrations(folder);
  const route = migrations.find((each) => each.capability === capability)?.routes.find((each) => each.id === id);
  if (route === undefined) {
    const known = migrations.flatMap((each) => each.routes.map((one) => `${each.capability}.${one.id}`));
    throw new UsageError(`no migration declares ${name}, only ${known.join(', ')}`);
  }
  const file = ['ts', 'js']
    .map((type) => join(folder, capability, `migration.${type}`))
    .find((each) => existsSync(each));
  if (file === undefined) throw new UsageError(`${join(folder, capability)} has no migration.ts`);

  const before = readFileSync(file, 'utf8');
  const after = writeRule(before, route, rule);
  if (!options.dryRun) {
    writeFileSync(file, after);
    await loadAnew(folder).catch((error: Error) => {
      writeFileSync(file, before);
      throw new UsageError(`${file} is as it was, as the rule makes it wrong: ${error.message}`);
    });
  }
  if (options.json) terminal.print(JSON.stringify({ route: name, file, rule, dry_run: options.dryRun }));
  else {
    terminal.print(`${options.dryRun ? 'would write' : 'wrote'} ${rule} into ${file}, route ${id}`);
    terminal.talk(options.dryRun ? '' : `\nNext: git diff ${file}; the proxy takes it up with SIGHUP or a restart`);
  }
  return 0;
}

/** In a process of its own, as a module is loaded once. @throws Error with what is wrong with the declarations. */
async function loadAnew(folder: string): Promise<void> {
  const define = import.meta.resolve('strangler-migrations/define');
  const program = `import { loadMigrations } from ${JSON.stringify(define)};
await loadMigrations(${JSON.stringify(folder)}).catch(({ message }) => { console.error(message); process.exit(1); });`;
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]).catch(
    ({ stderr, message }: { stderr?: string; message: string }) => {
      throw new Error(stderr?.trim() || message);
    },
  );
}
