import { setTimeout as sleep } from 'node:timers/promises';
import type { TableMapping } from 'strangler-migrations/define';
import { ConfigurationError, type MigrationDatabases } from '../config.ts';
import { describeError, isTransient } from '../errors.ts';
import { checkpointFile, readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { VerifyReport } from './report.ts';
import { identify, OwnerMoved, VerifyInterrupted, verify } from './verify.ts';

export interface ContinuousOptions {
  readonly databases: MigrationDatabases;
  readonly only: readonly TableMapping[];
  /** How long it rests behind each slice, in milliseconds. */
  readonly restMs: number;
  readonly rate: number | undefined;
  /** The state folder. */
  readonly state: string;
  readonly signal: AbortSignal;
  /** Given the report of each round. */
  round(report: VerifyReport): void;
  /** Told what is beyond doubt as soon as it is, and what is in the way. */
  say(text: string): void;
}

/** The rest behind a slice unless it is said, in seconds. */
const REST_SECONDS = 60;
/** How long it waits for a database that does not answer, in milliseconds. */
const RETRY_MS = 10_000;

/**
 * Verifies again and again until it is told to end: a slice, what differs in it settled, a rest, the next slice. Whatever
 * ends it, the next one goes on at that slice.
 */
export async function verifyContinuously(options: ContinuousOptions): Promise<void> {
  const { databases, only, restMs, rate, signal, say } = options;
  const { capability } = databases.migration;
  const file = checkpointFile(options.state, `${capability}.continuous`);
  while (!signal.aborted) {
    try {
      const report = await verify({
        ...databases,
        ...{ only, restMs, signal, from: await readCheckpoint(file, identify(only)) },
        ...(rate === undefined ? {} : { rate }),
        save: (checkpoint) => writeCheckpoint(file, checkpoint),
        async settled(table, { differences }) {
          if (differences.length > 0) say(`${capability}: ${table.targetName}: ${differences.length} rows are wrong`);
        },
      });
      await removeCheckpoint(file);
      options.round(report);
      await rest(restMs, signal);
    } catch (error) {
      if (error instanceof VerifyInterrupted) return;
      if (!isTransient(error) && !(error instanceof OwnerMoved)) throw error;
      say(`${capability}: ${describeError(error)}; it goes on in ${RETRY_MS / 1_000} s`);
      await rest(RETRY_MS, signal);
    }
  }
}

/** @throws {ConfigurationError} */
export function parseRest(every: string | undefined): number {
  const seconds = Number(every ?? REST_SECONDS);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= 86_400) return seconds * 1_000;
  throw new ConfigurationError(`--every ${every}: has to be a number of seconds, above 0 and at most a day`);
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => {});
}
