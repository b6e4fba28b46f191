import type { ProgramCall } from './postgres.ts';

/** One process of the system, or one step that has to be done before others can start. */
export type Part = Service | Task;

interface Common {
  /** Unique; names the log file too. */
  readonly name: string;
  /** What it is, for a person: `the shop`. */
  readonly about: string;
  /** Parts that have to be ready before this one starts. They are stopped after it. */
  readonly needs: readonly string[];
  /** Parts that it talks to but can start without. They are stopped after it. */
  readonly uses?: readonly string[];
  /** Whether the system is of no use without it. One that is not essential never holds up the others. */
  readonly essential: boolean;
  /** Runs once, before the first process starts. */
  readonly prepare?: () => Promise<void>;
  readonly program: () => ProgramCall | Promise<ProgramCall>;
}

/** A process that runs until it is told to stop, and is started again when it dies. */
export interface Service extends Common {
  readonly kind: 'service';
  /** Asked again and again until it says true. A rejection means "not yet". */
  readonly ready: (signal: AbortSignal) => Promise<boolean>;
  /** Runs once, after the first `ready` and before anything that needs this part. */
  readonly settle?: () => Promise<void>;
  /** What asks the process to end gracefully, and how long that may take before it is killed. */
  readonly stop: { readonly signal: NodeJS.Signals; readonly withinMs: number };
}

/** A process that ends by itself; the part is ready once it has ended with status 0. */
export interface Task extends Common {
  readonly kind: 'task';
}

/** The parts that have to be stopped before `part`: those that need or use it. */
export function dependentsOf(part: Part, parts: readonly Part[]): Part[] {
  return parts.filter((other) => other.needs.includes(part.name) || other.uses?.includes(part.name));
}

/**
 * Checks that every name is unique and known, and that nothing waits for itself.
 *
 * @throws Error that names the parts of the first fault found.
 */
export function checkParts(parts: readonly Part[]): void {
  const byName = new Map(parts.map((part) => [part.name, part]));
  if (byName.size !== parts.length) throw new Error('Two parts have the same name');
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]) => {
    if (path.includes(name)) throw new Error(`Parts wait for each other: ${[...path, name].join(' -> ')}`);
    const part = byName.get(name);
    if (!part) throw new Error(`${path.at(-1)} needs ${name}, and there is no such part`);
    if (done.has(name)) return;
    for (const next of [...part.needs, ...(part.uses ?? [])]) visit(next, [...path, name]);
    done.add(name);
  };
  for (const part of parts) visit(part.name, []);
}
