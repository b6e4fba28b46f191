import { registerHooks } from 'node:module';
import { resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadMigrations, type Migration } from 'strangler-migrations/define';

const MARK = 'generation';
let generation = 0;

/**
 * Loads declarations as they are on the disk now, with everything that they import by a relative path.
 *
 * Node keeps every module that was ever imported, by its address; so each load gives them new ones. What the old ones
 * occupy is never freed: a person reloads now and then, and a declaration is small.
 */
export async function loadFreshMigrations(folder: string): Promise<readonly Migration[]> {
  const root = pathToFileURL(resolve(folder) + sep).href;
  const mark = `?${MARK}=${++generation}`;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const isDeclaration = specifier.startsWith(root);
      const isItsOwn = /^\.\.?\//.test(specifier) && context.parentURL?.endsWith(mark) === true;
      return isDeclaration || isItsOwn ? { ...resolved, url: resolved.url + mark } : resolved;
    },
  });
  try {
    return await loadMigrations(folder);
  } finally {
    hooks.deregister();
  }
}
