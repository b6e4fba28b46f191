/**
 * `npm run build`: makes the packages that a team installs. Each gets JavaScript, declarations and a package.json of
 * its own in `dist/`, ready for `npm publish ./dist`. With `--out DIR` they go to `DIR/<package name>` instead.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './postgres.ts';
import { ROOT } from './state-folder.ts';

/** The published workspaces; each is built against the ones before it. */
const PACKAGES = ['migrations', 'strangler-proxy', 'cdc'] as const;

interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional: boolean }>>;
}

/** What the code needs at least: http-proxy-middleware 4 sets it. */
const ENGINES = { node: '>=22.15' };

const { values } = parseArgs({ options: { out: { type: 'string' } } });
const built = new Map<string, string>();
for (const folder of PACKAGES) {
  const description = readPackage(folder);
  const out = values.out ? resolve(values.out, description.name) : join(ROOT, folder, 'dist');
  await build(join(ROOT, folder), out, description);
  built.set(description.name, out);
  process.stderr.write(`${description.name} ${description.version}: ${out}\n`);
}

async function build(source: string, out: string, description: PackageFile): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await compile(source, out, description);
  copyAssets(source, out);
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(publishedPackage(description), undefined, 2)}\n`);
  cpSync(join(ROOT, 'LICENSE'), join(out, 'LICENSE'));
  if (existsSync(join(source, 'README.md'))) cpSync(join(source, 'README.md'), join(out, 'README.md'));
}

/** Compiles what the package exports and what that imports, and no other file: neither tests nor examples. */
async function compile(source: string, out: string, { exports, bin }: PackageFile): Promise<void> {
  const entries = [...new Set([...Object.values(exports), ...Object.values(bin)])];
  const paths = [...built].map(([name, place]) => [`${name}/*`, [join(place, '*', 'index.d.ts')]] as const);
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rootDir: source,
      outDir: out,
      paths: Object.fromEntries(paths),
      types: [join(ROOT, 'node_modules/@types/node')],
    },
    files: entries.map((entry) => join(source, entry)),
    include: [],
  };
  const configFile = join(out, 'tsconfig.json');
  writeFileSync(configFile, JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run({ command: process.execPath, args: [tsc, '--project', configFile], env: process.env });
  rmSync(configFile);
}

/** Pages, styles and the like, where the compiled code expects them: beside it. */
function copyAssets(source: string, out: string): void {
  const folders = new Set(globSync('**/*.js', { cwd: out }).map(dirname));
  const assets = globSync('**/*.{html,css,svg,js,mjs,sql}', { cwd: source, exclude: ['node_modules', 'dist'] });
  for (const asset of assets) {
    // An asset of code that is not packed is not packed either.
    if (![...folders].some((folder) => asset.startsWith(`${folder}/`))) continue;
    mkdirSync(dirname(join(out, asset)), { recursive: true });
    cpSync(join(source, asset), join(out, asset));
  }
}

function publishedPackage({ exports, bin, ...description }: PackageFile): object {
  const { name, version, license, type } = description;
  return {
    name,
    version,
    description: description.description,
    license,
    type,
    engines: ENGINES,
    exports: Object.fromEntries(
      Object.entries(exports).map(([path, file]) => [
        path,
        { types: file.replace(/\.ts$/, '.d.ts'), default: file.replace(/\.ts$/, '.js') },
      ]),
    ),
    bin: Object.fromEntries(Object.entries(bin).map(([command, file]) => [command, file.replace(/\.ts$/, '.js')])),
    dependencies: description.dependencies,
    peerDependencies: description.peerDependencies,
    peerDependenciesMeta: description.peerDependenciesMeta,
  };
}

function readPackage(folder: string): PackageFile {
  return JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
}
