import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Random } from '../../support/random.ts';
import { ACCOUNTS, openSession } from './stores.ts';

/** A writer of the source. */
export interface Writer {
  /** Ends it after its transaction, and tells how many changes of rows it has seen committed. */
  stop(): Promise<number>;
}

const BULK_ROWS = 1_000;
const PAUSE_MS = 15;

/** What the server may answer to one of several writers: a deadlock, a key that is taken. */
const EXPECTED_STATES = ['40P01', '40001', '23505'];

/** Writes until it is stopped. A session that is lost is opened again: what became of its transaction the source knows. */
export function startWriter(url: string, writer: number, random: Random): Writer {
  let going = true;
  let written = 0;
  let client: pg.Client | undefined;
  const work = async () => {
    while (going) {
      try {
        client ??= await openSession(url);
        written += await transaction(client, writer, random);
      } catch (error) {
        const { code } = error as { code?: string };
        if (code !== undefined && EXPECTED_STATES.includes(code)) {
          await client?.query('ROLLBACK').catch(() => {});
          continue;
        }
        if (/^(22|23|42|55)/.test(code ?? '')) throw error;
        await client?.end().catch(() => {});
        client = undefined;
        await sleep(50);
      }
      await sleep(PAUSE_MS + random.below(PAUSE_MS));
    }
    await client?.end().catch(() => {});
  };
  const ended = work();
  ended.catch(() => {});
  return {
    stop: async () => {
      going = false;
      await ended;
      return written;
    },
  };
}

/** One transaction; answers with the number of changes that it committed. */
async function transaction(client: pg.Client, writer: number, random: Random): Promise<number> {
  const long = random.chance(0.04);
  let changes = 0;
  await client.query('BEGIN');
  for (let step = 1 + random.below(5); step > 0; step--) {
    const attempt = random.chance(0.15);
    if (attempt) await client.query('SAVEPOINT attempt');
    const count = await change(client, writer, random);
    if (attempt && random.chance(0.5)) await client.query('ROLLBACK TO attempt');
    else changes += count;
    if (long) await sleep(20 + random.below(100));
  }
  if (random.chance(0.1)) {
    await client.query('ROLLBACK');
    return 0;
  }
  await client.query('COMMIT');
  return changes;
}

type Change = (client: pg.Client, random: Random, writer: number) => Promise<number>;

const someone = (random: Random) => 1 + random.below(ACCOUNTS);
const count = async (result: Promise<pg.QueryResult>) => (await result).rowCount ?? 0;

/** With the row held: what has waited for another writer may have drawn its version before that one did. */
const renumber = (client: pg.Client, id: number) =>
  count(client.query("UPDATE account SET version = nextval('version') WHERE id = $1", [id]));

const insert: Change = async (client, random) => {
  const id = someone(random);
  const values = [
    id,
    random.below(1_000_000) / 100,
    `new ${random.below(1_000)}`,
    random.pick([null, 'a\tb\n\\', '"']),
  ];
  const made = await count(
    client.query(
      `INSERT INTO account (id, version, price, name, extra) VALUES ($1, nextval('version'), $2, $3, $4)
       ON CONFLICT DO NOTHING`,
      values,
    ),
  );
  return made > 0 ? made + (await renumber(client, id)) : 0;
};

const update: Change = (client, random) =>
  count(
    client.query("UPDATE account SET version = nextval('version'), name = $2, price = $3 WHERE id = $1", [
      someone(random),
      `name ${random.below(1_000)}`,
      random.below(1_000_000) / 100,
    ]),
  );

/** Too large to be stored in the row, and too random to be compressed into it: later updates do not carry it. */
const large: Change = (client, random) =>
  count(
    client.query(
      `UPDATE account SET version = nextval('version'),
         body = (SELECT string_agg(md5(($2 * n)::text), '') FROM generate_series(1, $3) n) WHERE id = $1`,
      [someone(random), 1 + random.below(10_000), 100 + random.below(600)],
    ),
  );

const remove: Change = (client, random) => count(client.query('DELETE FROM account WHERE id = $1', [someone(random)]));

const move: Change = async (client, random) => {
  const to = random.chance(0.5) ? someone(random) : ACCOUNTS + someone(random);
  await client.query('SAVEPOINT move');
  try {
    const moved = await count(
      client.query("UPDATE account SET id = $2, version = nextval('version') WHERE id = $1", [
        random.chance(0.5) ? someone(random) : ACCOUNTS + someone(random),
        to,
      ]),
    );
    return moved > 0 ? moved + (await renumber(client, to)) : 0;
  } catch (error) {
    if ((error as { code?: string }).code !== '23505') throw error;
    await client.query('ROLLBACK TO move');
    return 0;
  }
};

/** Rows and their number, so that a reader sees it if a transaction was ever divided. */
const enter: Change = async (client, random, writer) => {
  const rows = random.chance(0.02) ? BULK_ROWS : 1 + random.below(10);
  await client.query('INSERT INTO entry (writer) SELECT $1 FROM generate_series(1, $2)', [writer, rows]);
  return (
    rows + (await count(client.query('UPDATE tally SET entries = entries + $2 WHERE writer = $1', [writer, rows])))
  );
};

const CHANGES = [insert, insert, update, update, update, large, remove, move, enter, enter] as const;

function change(client: pg.Client, writer: number, random: Random): Promise<number> {
  return random.pick(CHANGES)(client, random, writer);
}
