import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { dropPublication } from './capture/embedded/publication.ts';
import { dropSlot, slotName } from './capture/embedded/slot.ts';
import type { CaptureEngine } from './capture/engine.ts';
import type { MigrationDatabases } from './config.ts';
import { withConnection } from './database/connect.ts';
import { unlessAbsent } from './database/unless-absent.ts';
import { courseOf, type StreamCourse } from './direction.ts';
import { describeError } from './errors.ts';
import type { StreamLimits } from './limits.ts';
import { type Ownership, readOwnership } from './ownership.ts';
import { keepSequencesAhead } from './sequences.ts';
import { createMonitor, type Monitor } from './status/monitor.ts';
import { runStream } from './stream.ts';
import type { Direction } from './stream-name.ts';

export interface SuperviseOptions extends MigrationDatabases {
  readonly engine: CaptureEngine;
  readonly limits: StreamLimits;
  readonly log: Logger;
}

/** The streams of one capability, which come and go with its guard. */
export interface CapabilityStreams {
  /** Of the streams that run, or have run and ended with the capability. */
  monitors(): readonly Monitor[];
  /** Runs them until the signal. */
  run(signal: AbortSignal): Promise<void>;
}

/** What is known of a capability's guard. `unknown`: a database did not answer, so all stays as it is. */
type Guard = 'unknown' | 'absent' | Ownership;

/**
 * Runs the forward stream, and the reverse one for as long as the service's database has the capability's guard: so that it
 * is there, and has been tried, long before the ownership moves. Once the capability is retired both end, and give up
 * their slots and publications; when the guard was taken out of both databases again, the reverse one does.
 */
export function superviseStreams(options: SuperviseOptions): CapabilityStreams {
  const { capability } = options.migration;
  const running = new Map<Direction, { readonly stop: () => Promise<void> }>();
  const monitors = new Map<Direction, Monitor>();

  const start = (direction: Direction, signal: AbortSignal) => {
    if (running.has(direction)) return;
    const name = { capability, direction };
    const monitor = monitors.get(direction) ?? createMonitor(name, slotName(capability, direction));
    monitors.set(direction, monitor);
    const controller = new AbortController();
    const end = () => controller.abort();
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    const log = options.log.child({ capability, direction });
    const done = runStream({ ...options, name, monitor, log }, controller.signal).finally(() =>
      signal.removeEventListener('abort', end),
    );
    running.set(direction, {
      stop: () => {
        end();
        return done;
      },
    });
  };
  const stop = async (direction: Direction) => {
    await running.get(direction)?.stop();
    running.delete(direction);
  };

  /** What has been given up already, and why. */
  let settled: 'retired' | 'absent' | undefined;

  /** Brings the streams in line with the guard. */
  const follow = async (guard: Exclude<Guard, 'unknown'>, signal: AbortSignal) => {
    if (guard !== 'absent' && guard.retired) {
      if (settled === 'retired') return;
      await Promise.all([stop('forward'), stop('reverse')]);
      for (const direction of ['forward', 'reverse'] as const) {
        await giveUp(courseOf(options, direction), options.engine, 'retired');
        const name = { capability, direction };
        const monitor = monitors.get(direction) ?? createMonitor(name, slotName(capability, direction));
        monitor.state('retired');
        monitors.set(direction, monitor);
      }
      settled = 'retired';
      options.log.info({ capability }, 'retired: both streams have ended and given up their slots');
      return;
    }
    start('forward', signal);
    if (guard !== 'absent') {
      settled = undefined;
      start('reverse', signal);
    } else if (settled !== 'absent') {
      await stop('reverse');
      monitors.delete('reverse');
      await giveUp(courseOf(options, 'reverse'), options.engine, 'cancelled');
      settled = 'absent';
    }
  };

  const keepAhead = async (guard: Exclude<Guard, 'unknown'>) => {
    if (guard !== 'absent' && guard.retired) return;
    const owner = guard === 'absent' || guard.state === 'closed' ? 'monolith' : 'service';
    for (const move of await keepSequencesAhead(options, owner)) {
      options.log.info({ capability, ...move }, `sequence ${move.sequence}: moved ahead of the owner's numbers`);
    }
  };

  return {
    monitors: () => (['forward', 'reverse'] as const).flatMap((direction) => monitors.get(direction) ?? []),
    async run(signal) {
      try {
        while (!signal.aborted) {
          try {
            const guard = await lookAtGuard(options);
            if (guard !== 'unknown') {
              await follow(guard, signal);
              await keepAhead(guard);
            } else if (running.size === 0 && settled === undefined) {
              start('forward', signal);
            }
          } catch (error) {
            if (!signal.aborted) options.log.warn({ capability }, `streams: ${describeError(error)}`);
          }
          await sleep(options.limits.heartbeatMs, undefined, { signal }).catch(() => {});
        }
      } finally {
        await Promise.all([stop('forward'), stop('reverse')]);
      }
    },
  };
}

/**
 * The guard's row in the service's database. Where it is missing, the monolith's is looked for too: only when both are gone
 * was the guard taken out. A service whose row alone is missing has lost it, and its stream is needed all the more.
 */
async function lookAtGuard({ migration, sourceUrl, targetUrl }: MigrationDatabases): Promise<Guard> {
  const read = (url: string) =>
    withConnection(url, `${slotName(migration.capability)}_guard`, (client) =>
      readOwnership(client, migration.capability),
    );
  try {
    const service = await read(targetUrl);
    if (service) return service;
    return (await read(sourceUrl)) ? 'unknown' : 'absent';
  } catch {
    return 'unknown';
  }
}

/** Removes what a stream holds in its source; its record in the target stays only when the capability is retired. */
async function giveUp(
  { name, sourceUrl, targetUrl, slot }: StreamCourse,
  engine: CaptureEngine,
  why: 'retired' | 'cancelled',
): Promise<void> {
  const applicationName = `${slot}_end`;
  await withConnection(targetUrl, applicationName, (client) => engine.giveUp(name, client));
  await withConnection(sourceUrl, applicationName, async (client) => {
    await dropSlot(client, slot);
    await dropPublication(client, slot);
  });
  if (why === 'retired') return;
  await withConnection(targetUrl, applicationName, async (client) => {
    await unlessAbsent(
      client.query('DELETE FROM strangler.stream WHERE capability = $1 AND direction = $2', [
        name.capability,
        name.direction,
      ]),
    );
  });
}
