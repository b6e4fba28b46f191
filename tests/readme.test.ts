import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { documentedCommands } from './support/console-blocks.ts';
import { freePortBase, ROOT } from './support/running-stack.ts';
import { until } from './support/until.ts';

const run = promisify(execFile);
const README = join(ROOT, 'README.md');

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strangler-readme-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a clone of the working tree would hold: nothing that is ignored, so nothing that was installed here. */
async function freshCopy(): Promise<string> {
  const copy = join(folder, 'fresh');
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  for (const file of stdout.split('\0').filter(Boolean)) {
    await mkdir(dirname(join(copy, file)), { recursive: true });
    await cp(join(ROOT, file), join(copy, file));
  }
  return copy;
}

test('the first command, word for word in a fresh copy, opens the shop; Ctrl-C closes it', {
  timeout: 600_000,
}, async () => {
  const [start] = await documentedCommands(README);
  expect(start?.command).toBe('npm ci && npm start');

  const copy = await freshCopy();
  const portBase = await freePortBase();
  const shell = spawn('bash', ['-c', start?.command ?? ''], {
    cwd: copy,
    env: { ...outerEnvironment(), STRANGLER_PORT_BASE: String(portBase) },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that it can be interrupted as a terminal does: all of it at once.
    detached: true,
  });
  let printed = '';
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
    });
  }
  const exited = once(shell, 'exit');
  try {
    await until(
      () => printed,
      (text) => /Ready in/.test(text) || shell.exitCode !== null,
      { withinMs: 540_000, everyMs: 250 },
    );
    expect(printed).toMatch(/Ready in \d+\.\d s/);
    const answer = await fetch(`http://127.0.0.1:${portBase}/`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-served-by')).toBe('monolith');
  } finally {
    if (shell.exitCode === null) process.kill(-(shell.pid ?? 0), 'SIGINT');
    await exited;
  }
  await expect(fetch(`http://127.0.0.1:${portBase}/`)).rejects.toThrow();
});

test('the second command is the one that continuous integration runs', async () => {
  const [, tests] = await documentedCommands(README);
  expect(tests?.command).toBe('npm ci && npm test');
  const steps = [...(await readFile(join(ROOT, '.ci/run'), 'utf8')).matchAll(/^step (.+)$/gm)].map(([, step]) => step);
  expect(steps.slice(0, 2)).toEqual(tests?.command.split(' && '));
});

test('the declaration compiles and is accepted', async () => {
  const example = /<!-- example: declaration -->\n```ts\n([\s\S]*?)```/.exec(await readFile(README, 'utf8'))?.[1];
  if (example === undefined) throw new Error('the README has no declaration');
  // Beside this file, so that it finds the packages as a user's would.
  const inside = await mkdtemp(join(ROOT, 'tests/.readme-'));
  try {
    const file = join(inside, 'migration.ts');
    await writeFile(file, example);
    const settings = JSON.stringify({ extends: '../../tsconfig.json', include: ['migration.ts'] });
    await writeFile(join(inside, 'tsconfig.json'), settings);
    await run('tsc', ['-p', inside], {
      env: { ...process.env, PATH: `${ROOT}/node_modules/.bin:${process.env.PATH}` },
    });
    const { default: migration } = await import(file);
    expect(migration).toMatchObject({ capability: 'catalog', tables: [{ source: { name: 'prod' } }] });
  } finally {
    await rm(inside, { recursive: true });
  }
});

/** The environment of somebody who has just opened a terminal: npm adds its own to what it runs. */
function outerEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST|VITE_|TEST$|STRANGLER_)/.test(name));
  const path = (process.env.PATH ?? '').split(':').filter((part) => !part.includes('node_modules/.bin'));
  return { ...Object.fromEntries(own), PATH: path.join(':') };
}
