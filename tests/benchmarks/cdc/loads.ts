import { pipeline } from 'node:stream/promises';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { OUR_SLOT, ourEnvironment, startOurs } from './contestants.ts';
import { median, rounded } from './figures.ts';
import { run, type Stores, withSession } from './stores.ts';

/** What the loads of a table took. */
export interface Loads {
  /** Our rows per second over those of a plain copy. */
  readonly ratio: number | null;
  readonly figures: { readonly copy_rows_per_second: number | null; readonly ours_rows_per_second: number | null };
  /** The target that our last load has filled. */
  readonly targetUrl: string;
}

/**
 * Our initial load through codecs, from the slot to the position; and `COPY ... TO` piped into `COPY ... FROM`, by turns. Without rounds
 * it only fills our target.
 */
export async function measureLoads(stores: Stores, rounds: number, say: (what: string) => void): Promise<Loads> {
  const { rows } = await run(stores.sourceUrl, 'SELECT count(*)::int AS count FROM prod');
  const count: number = rows[0].count;
  const copies: number[] = [];
  const ours: number[] = [];
  let targetUrl = await stores.freshTarget('ours');
  if (rounds === 0) await ourLoad(stores, targetUrl);
  for (let round = 1; round <= rounds; round++) {
    copies.push(count / (await plainCopy(stores)));
    if (round > 1) await run(stores.sourceUrl, 'SELECT pg_drop_replication_slot($1)', [OUR_SLOT]);
    targetUrl = await stores.freshTarget('ours');
    ours.push(count / (await ourLoad(stores, targetUrl)));
    say(
      `load, round ${round} of ${rounds}: copy ${Math.round(copies.at(-1)!)} rows/s, ours ${Math.round(ours.at(-1)!)}`,
    );
  }
  return {
    ratio: rounded(median(ours.map((each, index) => each / copies[index]!)), 2),
    figures: {
      copy_rows_per_second: rounded(median(copies), 0),
      ours_rows_per_second: rounded(median(ours), 0),
    },
    targetUrl,
  };
}

async function plainCopy({ sourceUrl, nativeUrl }: Stores): Promise<number> {
  await run(nativeUrl, 'TRUNCATE prod');
  return withSession(sourceUrl, (source) =>
    withSession(nativeUrl, async (target) => {
      const since = performance.now();
      await pipeline(source.query(copyTo('COPY prod TO STDOUT')), target.query(copyFrom('COPY prod FROM STDIN')));
      const seconds = (performance.now() - since) / 1_000;
      await target.query('TRUNCATE prod');
      return seconds;
    }),
  );
}

async function ourLoad(stores: Stores, targetUrl: string): Promise<number> {
  const child = startOurs(ourEnvironment(stores, targetUrl));
  try {
    const [begun, done] = [await child.logged('initial load: waiting'), await child.logged('initial load: done')];
    return (done.time - begun.time) / 1_000;
  } finally {
    await child.stop();
  }
}
