import { endOfRecords, type LogPlace, parseLsn } from './log-place.ts';
import { createQuestion, type Question } from './question.ts';

/** Where the log of an owner's database ends. */
export interface OwnerPlaces {
  /**
   * A place behind everything that was committed before this call; undefined if it could not be read within the bound.
   * Never rejects.
   */
  read(): Promise<LogPlace | undefined>;
  trouble(): string | undefined;
  close(): void;
}

/**
 * The insert position, as a commit that does not wait for the disk (`synchronous_commit = off`) is visible before it is
 * written (`pg_current_wal_lsn()`) or flushed. `pg_walfile_name` knows the timeline at once after a promotion; the control
 * file, only after its next checkpoint.
 */
export const OWNER_PLACE_SQL = `SELECT system_identifier::text AS system, left(pg_walfile_name(lsn), 8) AS timeline, lsn::text AS lsn
  FROM pg_control_system(), pg_current_wal_insert_lsn() AS lsn`;

type PlaceRow = Readonly<Record<'system' | 'timeline' | 'lsn', string>>;

/** Reads the place of one database. */
export function createOwnerPlaces(url: string, boundMs: number): OwnerPlaces {
  const question: Question<PlaceRow> = createQuestion(url, OWNER_PLACE_SQL);
  const look = shareLaterLooks(async () => {
    const [row] = await question.ask().catch(() => []);
    return row === undefined ? undefined : toPlace(row);
  });
  return { read: () => within(boundMs, look()), trouble: question.trouble, close: question.close };
}

/**
 * Callers share looks: whoever calls while one is under way gets what the next one sees, as that one may have looked before
 * the caller's write was committed. So a burst of writes costs one query at a time.
 *
 * @param look never rejects
 */
export function shareLaterLooks<Seen>(look: () => Promise<Seen>): () => Promise<Seen> {
  let running: Promise<Seen> | undefined;
  let next: Promise<Seen> | undefined;
  const start = () => {
    next = undefined;
    running ??= look().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (running === undefined) return start();
    next ??= running.then(start);
    return next;
  };
}

function toPlace({ system, timeline, lsn }: PlaceRow): LogPlace {
  return { history: `${system}-${Number.parseInt(timeline, 16)}`, lsn: endOfRecords(parseLsn(lsn)) };
}

function within<Value>(ms: number, value: Promise<Value>): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    void value.then((known) => {
      clearTimeout(timer);
      resolve(known);
    });
  });
}
