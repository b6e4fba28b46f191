import { covers, type LogPlace, parseLsn } from './log-place.ts';
import { createQuestion } from './question.ts';

/** How far the streams into one database are. */
export interface AppliedPlaces {
  /** How far the stream of a capability is, as it was known last. Never waits. */
  of(stream: Stream): LogPlace | undefined;
  /** Somebody waits for the stream to reach this place: it is watched until it has, or nobody has asked for a while. */
  want(stream: Stream, place: LogPlace | undefined): void;
  trouble(): string | undefined;
  close(): void;
}

/** One stream: forward is from the monolith to the service. */
export interface Stream {
  readonly capability: string;
  readonly direction: 'forward' | 'reverse';
}

/**
 * The ledger of change data capture, which it writes in the transaction of the rows. While something of a stream is set
 * aside, its position says nothing about what a reader will find.
 */
export const APPLIED_PLACES_SQL = `SELECT capability, direction, system_identifier AS system, timeline, lsn::text AS lsn,
    EXISTS (SELECT FROM strangler.dead_letter d WHERE d.capability = s.capability AND d.direction = s.direction) AS parked
  FROM strangler.stream s`;

interface StreamRow {
  readonly capability: string;
  readonly direction: string;
  readonly system: string;
  readonly timeline: number;
  readonly lsn: string;
  readonly parked: boolean;
}

const POLL_INTERVAL_MS = 50;
/** After this many polls the stream is not about to arrive, and is looked at less often. */
const BRISK_POLLS = 40;
const SLOW_POLL_INTERVAL_MS = 250;
/** How long a stream is watched after the last request that waited for it. */
const WATCHED_MS = 60_000;

/** Watches the streams into one database, only while somebody waits for one. */
export function createAppliedPlaces(url: string): AppliedPlaces {
  const question = createQuestion<StreamRow>(url, APPLIED_PLACES_SQL);
  const applied = new Map<string, LogPlace>();
  /** Undefined: whatever the next answer says will do. */
  const wanted = new Map<string, { place: LogPlace | undefined; until: number }>();
  let polls = 0;
  let timer: NodeJS.Timeout | undefined;
  let isAsking = false;
  let isClosed = false;

  async function poll(): Promise<void> {
    timer = undefined;
    isAsking = true;
    try {
      const rows = await question.ask();
      applied.clear();
      for (const { capability, direction, system, timeline, lsn, parked } of rows) {
        if (parked) continue;
        applied.set(`${capability} ${direction}`, { history: `${system}-${timeline}`, lsn: parseLsn(lsn) });
      }
      for (const [stream, { place }] of wanted) {
        const reached = applied.get(stream);
        if (reached !== undefined && (place === undefined || covers(reached, place))) wanted.delete(stream);
      }
    } catch {
      // `trouble` tells; what was known stays true.
    }
    isAsking = false;
    const now = performance.now();
    for (const [stream, { until }] of wanted) if (now > until) wanted.delete(stream);
    polls++;
    if (wanted.size === 0) polls = 0;
    else schedule();
  }

  function schedule(): void {
    if (isClosed || isAsking || timer !== undefined) return;
    timer = setTimeout(poll, polls < BRISK_POLLS ? POLL_INTERVAL_MS : SLOW_POLL_INTERVAL_MS).unref();
  }

  return {
    of: ({ capability, direction }) => applied.get(`${capability} ${direction}`),
    want({ capability, direction }, place) {
      const stream = `${capability} ${direction}`;
      const before = wanted.get(stream);
      if (before === undefined) polls = 0;
      wanted.set(stream, { place: later(before?.place, place), until: performance.now() + WATCHED_MS });
      schedule();
    },
    trouble: question.trouble,
    close() {
      isClosed = true;
      clearTimeout(timer);
      question.close();
    },
  };
}

/** The place of a new history is the one that counts. */
function later(before: LogPlace | undefined, place: LogPlace | undefined): LogPlace | undefined {
  if (before === undefined || place === undefined) return place ?? before;
  return covers(before, place) ? before : place;
}
