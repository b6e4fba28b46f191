import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LogFile, openLog } from './log-file.ts';
import { checkParts, dependentsOf, type Part, type Service } from './part.ts';
import { type PartProcess, startProcess } from './part-process.ts';
import type { Registry } from './registry.ts';

/** What happens to a part, for a screen to show. Durations in seconds. */
export type PartEvent =
  | { readonly part: Part; readonly what: 'starting' }
  | { readonly part: Part; readonly what: 'ready'; readonly seconds: number; readonly again: boolean }
  | { readonly part: Part; readonly what: 'died'; readonly why: string; readonly againIn: number }
  | { readonly part: Part; readonly what: 'late'; readonly seconds: number }
  | { readonly part: Part; readonly what: 'stopping' }
  | { readonly part: Part; readonly what: 'killed'; readonly withinMs: number }
  | { readonly part: Part; readonly what: 'stopped'; readonly seconds: number };

export interface SuperviseOptions {
  readonly parts: readonly Part[];
  readonly logFolder: string;
  readonly registry: Registry;
  readonly onEvent: (event: PartEvent) => void;
  readonly onLine: (part: Part, line: string) => void;
}

/** Keeps parts running. Knows their order and nothing of what they are. */
export interface Supervisor {
  /**
   * Resolves when every essential part is ready, with the names of those others that are not; they are tried on.
   *
   * @throws StartError when an essential part keeps dying, or a task fails. Call {@link Supervisor.stop} then.
   */
  start(): Promise<readonly string[]>;
  /** Stops every part after those that need or use it. Never rejects. */
  stop(): Promise<void>;
  /** Ends at once what is still running; for the impatient, while {@link Supervisor.stop} waits. */
  hurry(): void;
  /** The processes that run now, by part. */
  pids(): Readonly<Record<string, number>>;
}

/** An essential part that could not be started. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

const READY_POLL_MS = 40;
const READY_TIMEOUT_MS = 120_000;
/** How long parts that are not essential may hold up the news that the rest is ready. */
const GRACE_MS = 15_000;
const LATE_AFTER_MS = 10_000;
const DEATHS_WHILE_STARTING_MAX = 3;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 30_000;
/** A process that lived this long has proved itself: its next death starts the backoff anew. */
const PROVED_AFTER_MS = 30_000;
const TASK_STOP = { signal: 'SIGTERM', withinMs: 5_000 } as const;

interface Run {
  readonly part: Part;
  readonly log: LogFile;
  readonly ready: PromiseWithResolvers<void>;
  process: PartProcess | undefined;
  /** What the latest process printed last; kept past its end. */
  lastLines: readonly string[];
  prepared: boolean;
  isReady: boolean;
  deaths: number;
  loop: Promise<void>;
}

/** Makes a supervisor; nothing starts before {@link Supervisor.start}. */
export function supervise(options: SuperviseOptions): Supervisor {
  const { parts, registry, onEvent } = options;
  checkParts(parts);
  mkdirSync(options.logFolder, { recursive: true, mode: 0o700 });
  const stopping = new AbortController();
  const stopped = once(stopping.signal, 'abort');
  const failed = Promise.withResolvers<never>();
  /** A part that is not essential keeps dying: no use in waiting for it. */
  const hopeless = Promise.withResolvers<void>();
  failed.promise.catch(() => {});
  const runs = new Map(parts.map((part) => [part.name, newRun(part)]));
  let hurried = false;

  function newRun(part: Part): Run {
    const log = openLog(join(options.logFolder, `${part.name}.log`));
    const ready = Promise.withResolvers<void>();
    return {
      part,
      log,
      ready,
      process: undefined,
      lastLines: [],
      prepared: false,
      isReady: false,
      deaths: 0,
      loop: Promise.resolve(),
    };
  }

  async function keepRunning(run: Run): Promise<void> {
    const { part } = run;
    const needed = part.needs.map((name) => runs.get(name)?.ready.promise);
    await Promise.race([Promise.all(needed), stopped]);
    let backoff = BACKOFF_FIRST_MS;
    while (!stopping.signal.aborted) {
      const begun = performance.now();
      const why = await oneLife(run).catch((error: Error) => error.message);
      if (why === 'done' || stopping.signal.aborted) return;
      run.deaths += 1;
      if (givesUp(run)) {
        failed.reject(new StartError(`${part.name} cannot be started: ${why}${lastWords(run)}`));
        return;
      }
      if (run.deaths >= DEATHS_WHILE_STARTING_MAX && !run.isReady) hopeless.resolve();
      if (performance.now() - begun > PROVED_AFTER_MS) backoff = BACKOFF_FIRST_MS;
      onEvent({ part, what: 'died', why, againIn: backoff / 1_000 });
      await sleep(backoff, undefined, { signal: stopping.signal }).catch(() => {});
      backoff = Math.min(backoff * 2, BACKOFF_MAX_MS);
    }
  }

  function givesUp(run: Run): boolean {
    if (!run.part.essential || run.isReady) return false;
    return run.part.kind === 'task' || run.deaths >= DEATHS_WHILE_STARTING_MAX;
  }

  /** From the start of one process to its end. Resolves with why it ended, or `done` when a task has succeeded. */
  async function oneLife(run: Run): Promise<string> {
    const { part } = run;
    const begun = performance.now();
    onEvent({ part, what: 'starting' });
    if (!run.prepared) await part.prepare?.();
    run.prepared = true;
    const call = await part.program();
    if (stopping.signal.aborted) return 'stopped';
    const child = await startProcess(call, run.log, (line) => options.onLine(part, line));
    run.process = child;
    run.lastLines = child.lastLines();
    registry.add({ name: part.name, ...child.identity, ...(part.kind === 'service' ? part.stop : TASK_STOP) });
    try {
      const becameReady = () => {
        onEvent({ part, what: 'ready', seconds: (performance.now() - begun) / 1_000, again: run.isReady });
        run.isReady = true;
        run.ready.resolve();
      };
      if (part.kind === 'service') {
        await Promise.race([untilReady(run, part, child).then(becameReady), child.ended]);
      }
      const { why, ok } = await child.ended;
      if (part.kind === 'service' || !ok) return why;
      becameReady();
      return 'done';
    } catch (error) {
      child.signal('SIGKILL');
      await child.ended;
      throw error;
    } finally {
      run.process = undefined;
      registry.remove(child.identity.pid);
    }
  }

  async function untilReady(run: Run, part: Service, child: PartProcess): Promise<void> {
    const begun = performance.now();
    const signal = AbortSignal.any([AbortSignal.timeout(READY_TIMEOUT_MS), stopping.signal]);
    let late = false;
    while (child.running()) {
      if (await part.ready(signal).catch(() => false)) {
        if (!run.isReady) await part.settle?.();
        return;
      }
      const waited = performance.now() - begun;
      if (waited > READY_TIMEOUT_MS) throw new Error(`not ready within ${READY_TIMEOUT_MS / 1_000} s`);
      if (waited > LATE_AFTER_MS && !late) {
        late = true;
        onEvent({ part, what: 'late', seconds: waited / 1_000 });
      }
      await sleep(READY_POLL_MS);
    }
    // It has ended; who waits for that takes over.
    return new Promise(() => {});
  }

  async function stopRun(run: Run): Promise<void> {
    const { part, process: child } = run;
    if (child?.running()) {
      const { signal, withinMs } = part.kind === 'service' ? part.stop : TASK_STOP;
      const begun = performance.now();
      onEvent({ part, what: 'stopping' });
      child.signal(hurried ? 'SIGKILL' : signal);
      const deadline = setTimeout(() => {
        onEvent({ part, what: 'killed', withinMs });
        child.signal('SIGKILL');
      }, withinMs);
      await child.ended;
      clearTimeout(deadline);
      onEvent({ part, what: 'stopped', seconds: (performance.now() - begun) / 1_000 });
    }
    await run.loop;
    run.log.close();
  }

  return {
    async start() {
      for (const run of runs.values()) run.loop = keepRunning(run);
      const all = [...runs.values()];
      const essential = all.filter(({ part }) => part.essential);
      await Promise.race([Promise.all(essential.map(({ ready }) => ready.promise)), failed.promise]);
      const rest = Promise.all(all.map(({ ready }) => ready.promise));
      await Promise.race([rest, hopeless.promise, failed.promise, sleep(GRACE_MS, undefined, { ref: false })]);
      return all.filter(({ isReady }) => !isReady).map(({ part }) => part.name);
    },
    async stop() {
      stopping.abort();
      const stops = new Map<string, Promise<void>>();
      const stopOnce = (part: Part): Promise<void> => {
        const known = stops.get(part.name);
        if (known) return known;
        const run = runs.get(part.name);
        const work = Promise.all(dependentsOf(part, parts).map(stopOnce)).then(() => run && stopRun(run));
        stops.set(part.name, work);
        return work;
      };
      await Promise.all(parts.map(stopOnce));
    },
    hurry() {
      hurried = true;
      for (const run of runs.values()) run.process?.signal('SIGKILL');
    },
    pids() {
      const entries = [...runs.values()].map(({ part, process: child }) => [part.name, child?.identity.pid] as const);
      return Object.fromEntries(entries.filter((entry): entry is [string, number] => entry[1] !== undefined));
    },
  };
}

function lastWords(run: Run): string {
  return `${run.lastLines.map((line) => `\n    ${line}`).join('')}\n    Its log: ${run.log.path}`;
}
