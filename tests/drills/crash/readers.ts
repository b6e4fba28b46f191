import type pg from 'pg';
import { openSession } from './stores.ts';

/** A reader of the target. */
export interface Reader {
  stop(): Promise<Sightings>;
}

/** What a reader saw that nobody ever should. */
export interface Sightings {
  readonly reads: number;
  /** Rows that showed an older state than before, or came back from the dead. */
  readonly backward: number;
  /** Transactions of which one part was there and another was not. */
  readonly halves: number;
  readonly examples: readonly string[];
}

/** The whole target in one snapshot. */
const LOOK = `
  SELECT coalesce((SELECT json_object_agg(id, version) FROM account), '{}') AS accounts,
    coalesce((SELECT json_object_agg(writer, json_build_array(entries, (SELECT count(*) FROM entry e WHERE e.writer = t.writer)))
              FROM tally t), '{}') AS tallies`;

/** Reads the target again and again, and remembers the newest that it has seen of each row. */
export function startReader(url: string): Reader {
  let going = true;
  const seen = { reads: 0, backward: 0, halves: 0 };
  const examples: string[] = [];
  /** The least version that a key may show from now on. */
  const least = new Map<string, number>();
  const present = new Set<string>();
  const entered = new Map<string, number>();
  const tell = (what: string) => {
    if (examples.length < 5) examples.push(what);
  };

  const look = async (client: pg.Client) => {
    const { rows } = await client.query(LOOK);
    const accounts = rows[0].accounts as Record<string, number>;
    const tallies = rows[0].tallies as Record<string, [number, number]>;
    seen.reads++;
    for (const [id, version] of Object.entries(accounts)) {
      const floor = least.get(id) ?? 0;
      if (version < floor) {
        seen.backward++;
        tell(`account ${id} shows version ${version} where at least ${floor} was due`);
      }
      least.set(id, Math.max(floor, version));
      present.add(id);
    }
    for (const id of present) {
      if (id in accounts) continue;
      present.delete(id);
      // A row that was deleted may come again, but not the same one.
      least.set(id, least.get(id)! + 1);
    }
    for (const [writer, [entries, rowsThere]] of Object.entries(tallies)) {
      if (entries < (entered.get(writer) ?? 0)) {
        seen.backward++;
        tell(`tally ${writer} went back to ${entries}`);
      }
      entered.set(writer, Math.max(entries, entered.get(writer) ?? 0));
      if (entries === rowsThere) continue;
      seen.halves++;
      tell(`writer ${writer} has entered ${entries} rows, and ${rowsThere} are there`);
    }
  };

  const work = async () => {
    const client = await openSession(url);
    while (going) await look(client);
    await client.end();
  };
  const ended = work();
  ended.catch(() => {});
  return {
    async stop() {
      going = false;
      await ended;
      return { ...seen, examples };
    },
  };
}
