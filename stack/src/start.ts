/** `npm start`: the whole system on this machine, until Ctrl-C. */
import { parseArgs } from 'node:util';
import { readOrMakeCredentials } from './credentials.ts';
import { endProcesses } from './end-processes.ts';
import { completeInstallation } from './installation.ts';
import { describeParts, type Plan } from './parts.ts';
import { type Ports, portsFrom } from './ports.ts';
import { describeProblems, findProblems } from './preflight.ts';
import { openRegistry, readRegistry } from './registry.ts';
import { openScreen, type Screen } from './screen.ts';
import { describeStack, removeStackFile, writeStackFile } from './stack-file.ts';
import { lockHolder, releaseLock, type StateFolder, stateFolder, takeLock } from './state-folder.ts';
import { type PartEvent, supervise } from './supervise.ts';
import { readyJson, readyText } from './welcome.ts';

const HELP = `npm start                       everything, on this machine, until Ctrl-C
npm start -- --verbose          every part's output on the screen too
npm start -- --json             one line of JSON on stdout when all is ready; all else on stderr

STRANGLER_STATE=DIR             keep all state there instead of in .strangler/
STRANGLER_PORT_BASE=N           use the ports from N on instead of from 4000 on
NO_COLOR=1                      no colours
`;

/** npm sends on to us the Ctrl-C that the terminal has already sent us: one keystroke, two signals. */
const SAME_KEYSTROKE_MS = 800;
const PARENT_POLL_MS = 500;

await main().catch((error: Error) => {
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const stream = values.json ? process.stderr : process.stdout;
  const say = (text: string) => stream.write(`${text}\n`);
  const ports = portsFrom();
  const folder = stateFolder();
  await makeWay(folder, ports, say);
  await completeInstallation(say);

  const plan: Plan = { folder, ports, credentials: readOrMakeCredentials(folder) };
  const parts = describeParts(plan);
  const screen = openScreen({ stream, parts, verbose: values.verbose });
  await run(plan, parts, screen, (missing) => {
    if (values.json) process.stdout.write(`${JSON.stringify(readyJson(plan, missing))}\n`);
    else say(readyText(plan, missing, stream));
  });
}

/** Makes sure that nothing is in the way, and takes the state folder. @throws Error with every problem. */
async function makeWay(folder: StateFolder, ports: Ports, say: (text: string) => void): Promise<void> {
  refuseSecond(folder, lockHolder(folder)?.pid);
  const leftovers = readRegistry(folder.processes);
  if (leftovers.length > 0) {
    say('The last launcher ended without stopping its parts; making sure that they have ended.');
    await endProcesses(leftovers);
  }
  const problems = await findProblems(folder, ports);
  if (problems.length > 0) throw new Error(`Cannot start.\n\n${describeProblems(problems)}`);
  refuseSecond(folder, takeLock(folder)?.pid);
}

function refuseSecond(folder: StateFolder, pid: number | undefined): void {
  if (pid === undefined) return;
  throw new Error(
    `A launcher already runs on ${folder.path} (pid ${pid}).\n` +
      'Fix: stop it (Ctrl-C in its terminal, or kill it), or start a second system beside it:\n' +
      '     STRANGLER_STATE=another-folder STRANGLER_PORT_BASE=5000 npm start',
  );
}

async function run(
  plan: Plan,
  parts: ReturnType<typeof describeParts>,
  screen: Screen,
  onReady: (missing: readonly string[]) => void,
): Promise<void> {
  const { folder } = plan;
  const registry = openRegistry(folder.processes);
  let isReady = false;
  const onEvent = (event: PartEvent) => {
    screen.event(event);
    if (isReady && event.what === 'ready') writeStackFile(folder, describeStack(plan, supervisor.pids()));
  };
  const onLine = screen.line;
  const supervisor = supervise({ parts, logFolder: folder.logs, registry, onEvent, onLine });
  const stopRequested = untilAskedToStop(screen, () => supervisor.hurry());

  try {
    const started = supervisor.start();
    const missing = await Promise.race([started, stopRequested]);
    if (missing !== undefined) {
      isReady = true;
      writeStackFile(folder, describeStack(plan, supervisor.pids()));
      screen.settle();
      onReady(missing);
      await stopRequested;
    }
  } finally {
    isReady = false;
    screen.settle();
    removeStackFile(folder);
    await supervisor.stop();
    await registry.close();
    releaseLock(folder);
  }
  screen.say('Stopped.');
}

/** Resolves at the first request to stop; a later one calls `hurry`. */
function untilAskedToStop(screen: Screen, hurry: () => void): Promise<undefined> {
  return new Promise((done) => {
    let askedAt: number | undefined;
    const ask = (why: string) => {
      if (askedAt === undefined) {
        askedAt = performance.now();
        screen.settle();
        screen.say(`\n${why}: stopping everything, in order. Ctrl-C again to hurry.`);
        done(undefined);
      } else if (performance.now() - askedAt > SAME_KEYSTROKE_MS) {
        screen.say('Ending at once what still runs.');
        hurry();
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => ask(signal === 'SIGINT' ? 'Ctrl-C' : signal));
    // npm killed with -9 takes nobody with it: without this we would run on, seen by no one.
    const parent = process.ppid;
    if (process.env.npm_lifecycle_event === undefined) return;
    setInterval(() => {
      if (process.ppid !== parent) ask('npm has ended');
    }, PARENT_POLL_MS).unref();
  });
}
