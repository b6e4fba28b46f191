import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadMigrations } from 'strangler-migrations/define';
import { wholeNumber } from '../command-line.ts';
import { readHar } from '../recording/har.ts';
import { readRunningSystem } from '../running-system.ts';
import { replay, routeFinder } from './replay.ts';
import { htmlReport, isWanting, jsonReport, junitReport, textReport } from './reports.ts';
import { vitestFile } from './vitest-file.ts';

/** What `replay --help` prints. */
export const REPLAY_HELP = `strangler-proxy replay sends a recording to an upstream and compares its answers, by the rules of the declarations.

Exit status: 0 all agree, 2 some differ or were not answered, 1 it could not be done.

Examples
  # Against the answers that were recorded
  strangler-proxy replay monday.har --candidate http://127.0.0.1:4100

  # Both sides asked now, with a session, and a page to pass on
  strangler-proxy replay monday.har --control http://127.0.0.1:4000 --candidate http://127.0.0.1:4100 \\
    --header "Cookie: sid=..." --html report.html --junit report.xml

  # The recording as a test file
  strangler-proxy replay monday.har --vitest tests/monday.test.ts

Options
  --candidate <url>     The side that shall be right
  --control <url>       The side that is; the recorded answers by default
  --migrations <folder> Declarations, a folder each (migrations, or those of a running "npm start")
  --header <line>       "Name: value", sent with every request; recordings hide credentials. Repeat it
  --concurrency <n>     Requests under way at once (4)
  --timeout-ms <n>      For each side's whole answer (10000)
  --html <file>         One page with everything in it
  --junit <file>        JUnit XML, as CI servers read it
  --vitest <file>       Writes a test file and sends nothing
  --json                One JSON object instead of text
`;

const OPTIONS = {
  candidate: { type: 'string' },
  control: { type: 'string' },
  migrations: { type: 'string' },
  header: { type: 'string', multiple: true },
  concurrency: { type: 'string' },
  'timeout-ms': { type: 'string' },
  html: { type: 'string' },
  junit: { type: 'string' },
  vitest: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Runs `replay`. @returns the exit status @throws Error for what the person has to mend */
export async function replayCommand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(REPLAY_HELP);
    return 0;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new Error('name one recording: strangler-proxy replay monday.har ...');
  const exchanges = readFile(file);
  const folder = values.migrations ?? (env.STRANGLER_MIGRATIONS || readRunningSystem(env)?.migrations || 'migrations');
  const migrations = await loadMigrations(folder);

  if (values.vitest !== undefined) {
    const target = values.vitest;
    const imports = migrations.map(({ capability }) => {
      const path = relative(dirname(resolve(target)), join(resolve(folder), capability, 'migration.ts'));
      return [capability, path.startsWith('.') ? path : `./${path}`] as const;
    });
    const find = routeFinder(migrations);
    const routeOf = (method: string, path: string) => {
      const { name } = find(method, path);
      return name === 'undeclared' ? undefined : name;
    };
    writeFileSync(target, vitestFile(exchanges, routeOf, Object.fromEntries(imports)));
    process.stdout.write(
      `${target} is written. Run it with CONTROL_URL and CANDIDATE_URL set: npx vitest run ${target}\n`,
    );
    return 0;
  }

  const { candidate } = values;
  if (candidate === undefined) throw new Error('--candidate is missing: the URL of the side that shall be right');
  const report = await replay({
    exchanges,
    migrations,
    candidate,
    control: values.control,
    headers: (values.header ?? []).map(headerOf),
    concurrency: wholeNumber('--concurrency', values.concurrency, 4),
    timeoutMs: wholeNumber('--timeout-ms', values['timeout-ms'], 10_000),
    progress: progressOn(process.stderr),
  });
  if (values.html !== undefined) writeFileSync(values.html, htmlReport(report));
  if (values.junit !== undefined) writeFileSync(values.junit, junitReport(report));
  const color = process.stdout.isTTY === true && (env.NO_COLOR ?? '') === '';
  process.stdout.write(`${values.json ? JSON.stringify(jsonReport(report)) : textReport(report, color)}\n`);
  return isWanting(report) ? 2 : 0;
}

function readFile(file: string) {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`);
  }
  try {
    return readHar(text);
  } catch (error) {
    throw new Error(`${file} is no recording: ${(error as Error).message}`);
  }
}

function headerOf(line: string): readonly [string, string] {
  const [, name, value] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`--header ${line}: has to be "Name: value"`);
  return [name, value];
}

/** How far it is, with its rate and the time left, where a person looks on. */
function progressOn(stream: NodeJS.WriteStream): (done: number, all: number) => void {
  const began = performance.now();
  let shownAt = 0;
  return (done, all) => {
    const now = performance.now();
    if (!stream.isTTY || (now - shownAt < 200 && done < all)) return;
    shownAt = now;
    const perSecond = done / ((now - began) / 1000);
    const left = Math.ceil((all - done) / perSecond);
    stream.write(
      `\r${done} of ${all} requests, ${Math.round(perSecond)}/s, ${left} s left ${done === all ? '\n' : ''}`,
    );
  };
}
