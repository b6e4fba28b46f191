import type pg from 'pg';
import type { ChangeEvent } from '../change-event.ts';
import { CareNeeded } from '../errors.ts';
import type { Pace } from '../limits.ts';
import type { RowChange } from '../map.ts';
import { type DeadLetters, isPoison } from './dead-letters.ts';
import type { RowWriter } from './row-writer.ts';

export interface EventWriterOptions {
  readonly client: pg.Client;
  readonly writer: RowWriter;
  readonly letters: DeadLetters;
  readonly pace: Pace;
  map(event: ChangeEvent): readonly RowChange[];
}

/** Brings events into the open transaction: as rows, or as dead letters. */
export interface EventWriter {
  /** Takes an event; a promise when something is being written. @throws {CareNeeded} when it has to be done again. */
  write(event: ChangeEvent): Promise<void> | undefined;
  /** Waits for what is being written: whoever uses the session beside it has to. @throws {CareNeeded} as `write` does. */
  settled(): Promise<void>;
  /** Writes all that was taken. */
  flush(): Promise<void>;
}

interface MappedEvent {
  readonly event: ChangeEvent;
  readonly changes: readonly RowChange[];
}

/**
 * Ordinarily the rows of many events are one statement, and a statement that is refused has spoilt the transaction
 * without saying which event it was. So it is done again with care: events are collected, tried together behind a
 * savepoint, and halved where they are refused, until the one is found that is poison.
 */
export function createEventWriter(options: EventWriterOptions): EventWriter {
  const { client, writer, letters, pace } = options;
  let collected: MappedEvent[] = [];
  let characters = 0;

  const add = async ({ event, changes }: MappedEvent) => {
    for (const change of changes) await writer.add(change, event);
  };

  const attempt = async (events: readonly MappedEvent[]): Promise<void> => {
    if (events.length === 0) return;
    await client.query('SAVEPOINT attempt');
    try {
      for (const each of events) await add(each);
      await writer.flush();
      await client.query('RELEASE attempt');
      return;
    } catch (error) {
      if (!isPoison(error)) throw error;
      await client.query('ROLLBACK TO attempt');
      if (events.length === 1) return letters.park(events[0]!.event, error);
    }
    const middle = events.length >> 1;
    await attemptFree(events.slice(0, middle));
    await attemptFree(events.slice(middle));
  };

  /** Those before may have parked a key that some of these are of. */
  const attemptFree = async (events: readonly MappedEvent[]) => {
    const free: MappedEvent[] = [];
    for (const each of events) {
      if (letters.holds(each.event)) await letters.park(each.event, undefined);
      else free.push(each);
    }
    await attempt(free);
  };

  const settle = async () => {
    const events = collected;
    collected = [];
    characters = 0;
    // What a savepoint takes back has to begin with it.
    await writer.flush();
    await attempt(events);
  };

  const mapped = (event: ChangeEvent): MappedEvent | Promise<void> => {
    try {
      return { event, changes: options.map(event) };
    } catch (error) {
      if (!isPoison(error)) throw error;
      return settle().then(() => letters.park(event, error));
    }
  };

  const writeTruncate = async (event: ChangeEvent) => {
    // Truncates that follow each other are written as one: tables that refer to each other are emptied together.
    if (collected.length > 0) await settle();
    await add({ event, changes: options.map(event) });
    await writer.settled();
    await letters.truncated(event.source.schema, event.source.table);
  };

  const writeWithCare = async (event: ChangeEvent) => {
    if (letters.holds(event)) {
      await settle();
      return letters.park(event, undefined);
    }
    const found = mapped(event);
    if (found instanceof Promise) return found;
    collected.push(found);
    characters += sizeOf(event);
    const { runRowsMax, runCharactersMax } = pace.limits;
    if (collected.length >= runRowsMax || characters >= runCharactersMax) await settle();
  };

  const write = (event: ChangeEvent): Promise<void> | undefined => {
    if (event.op === 't') return writeTruncate(event);
    if (pace.careful) return writeWithCare(event);
    if (letters.holds(event)) return writer.settled().then(() => letters.park(event, undefined));
    const found = mapped(event);
    if (found instanceof Promise) return found;
    return found.changes.length === 1 ? writer.add(found.changes[0]!, event) : add(found);
  };

  /** A poison event has to be looked for, in a transaction of its own. */
  const careful = (error: unknown): never => {
    throw isPoison(error) && !pace.careful ? new CareNeeded('events', error) : error;
  };

  return {
    write: (event) => write(event)?.catch(careful),
    settled: () => writer.settled().catch(careful),
    flush: () => (collected.length > 0 ? settle() : writer.flush()).catch(careful),
  };
}

function sizeOf({ after }: ChangeEvent): number {
  let characters = 0;
  for (const value of Object.values(after ?? {})) characters += value?.length ?? 0;
  return characters;
}
