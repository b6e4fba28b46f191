import pg from 'pg';
import type { Text } from 'strangler-migrations/define';
import { type ComparedSide, SEED } from './compared-table.ts';

/** A key in the target's terms, each column as text. */
export type Key = readonly string[];

/** Keys above `after` up to and with `upTo`; an end that is undefined is open. Each side by its own order. */
export interface Range {
  readonly after: Key | undefined;
  readonly upTo: Key | undefined;
}

/** How many rows a range has and the sum of their hashes. */
export interface Digest {
  readonly rows: number;
  readonly sum: string;
}

/** One row, found by its key. */
export interface FoundRow {
  /** Another one for each change of the row, be it to the same values. */
  readonly version: string;
  /** In the target's terms; an Error where the mapping cannot carry the row. */
  readonly values: readonly Text[] | Error;
}

/** Reads one side of one table. Every value comes and goes as text. */
export interface SideReader {
  /** The key with this many rows before it in the range; undefined if there are not as many. */
  nthKey(range: Range, rows: number): Promise<Key | undefined>;
  /** @throws the driver's error, of class 22, for a value that a codec refuses. */
  digest(range: Range): Promise<Digest>;
  hashes(range: Range): Promise<ReadonlyMap<string, string>>;
  /** Calls back for each row of the range as it arrives. */
  rows(range: Range, row: (key: Key, values: readonly Text[] | Error) => void): Promise<void>;
  /** The keys of the rows of which the condition, SQL over `t`, is true. */
  matching(condition: string, where: Range | readonly Key[]): Promise<Key[]>;
  /** The rows of these keys, in their order; undefined where there is none. */
  find(keys: readonly Key[]): Promise<(FoundRow | undefined)[]>;
}

/** A key as one string. */
export function joinKey(key: Key): string {
  return key.length === 1 ? key[0]! : JSON.stringify(key);
}

/** The key that {@link joinKey} made. */
export function splitKey(joined: string, width: number): Key {
  return width === 1 ? [joined] : (JSON.parse(joined) as Key);
}

const AS_TEXT = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;

export function readSide(client: pg.Client, side: ComparedSide, keyTypes: readonly string[], seed: bigint): SideReader {
  const width = keyTypes.length;
  const key = side.key.join(', ');
  const hash = side.hash?.replaceAll(SEED, `${seed}`);
  const select = async (text: string, values: readonly unknown[]) =>
    (await client.query<Text[]>({ text, values: [...values], rowMode: 'array', types: AS_TEXT })).rows;

  const within = ({ after, upTo }: Range) => {
    const bound = (operator: string, from: number) => {
      const list = keyTypes.map((type, index) => `$${from + index}::${type}`);
      return width === 1 ? `${key} ${operator} ${list[0]}` : `(${key}) ${operator} (${list.join(', ')})`;
    };
    const conditions = [...(after ? [bound('>', 1)] : []), ...(upTo ? [bound('<=', after ? width + 1 : 1)] : [])];
    return {
      where: conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '',
      values: [...(after ?? []), ...(upTo ?? [])],
    };
  };
  const listed = (keys: readonly Key[]) => ({
    lists: keyTypes.map((_, index) => `$${index + 1}::pg_catalog.text[]`).join(', '),
    names: keyTypes.map((_, index) => `k${index}`).join(', '),
    equal: side.key.map((each, index) => `${each} = u.k${index}::${keyTypes[index]}`).join(' AND '),
    values: keyTypes.map((_, index) => keys.map((each) => each[index])),
  });
  const attempt = (read: readonly Text[]): readonly Text[] | Error => {
    try {
      return side.values(read);
    } catch (error) {
      return error as Error;
    }
  };

  return {
    async nthKey(range, rows) {
      const { where, values } = within(range);
      const order = `ORDER BY ${key} OFFSET ${rows} LIMIT 1`;
      const [found] = await select(`SELECT ${key} FROM ${side.from} ${where} ${order}`, values);
      return found as Key | undefined;
    },
    async digest(range) {
      const { where, values } = within(range);
      const [found] = await select(`SELECT count(*), sum(${hash}) FROM ${side.from} ${where}`, values);
      return { rows: Number(found![0]), sum: found![1] ?? '' };
    },
    async hashes(range) {
      const { where, values } = within(range);
      const found = await select(`SELECT ${key}, ${hash} FROM ${side.from} ${where}`, values);
      return new Map(found.map((row) => [joinKey(row.slice(0, width) as Key), row[width]!]));
    },
    rows(range, row) {
      const { where, values } = within(range);
      const text = `SELECT ${key}, ${side.reads.join(', ')} FROM ${side.from} ${where}`;
      // With a listener for rows the driver keeps none of them.
      const query = new pg.Query<Text[]>({ text, values, rowMode: 'array', types: AS_TEXT } as pg.QueryConfig);
      const ended = new Promise<void>((done, fail) => {
        query.on('row', (read) => {
          const found = read as Text[];
          row(found.slice(0, width) as Key, attempt(found.slice(width)));
        });
        query.on('error', fail);
        query.on('end', () => done());
      });
      client.query(query);
      return ended;
    },
    async matching(condition, where) {
      if ('after' in where) {
        const range = within(where);
        const and = range.where === '' ? 'WHERE' : `${range.where} AND`;
        return (await select(`SELECT ${key} FROM ${side.from} ${and} ${condition}`, range.values)) as unknown as Key[];
      }
      const { lists, names, equal, values } = listed(where);
      const text = `SELECT ${key} FROM unnest(${lists}) AS u(${names}) JOIN ${side.from} ON ${equal} WHERE ${condition}`;
      return (await select(text, values)) as unknown as Key[];
    },
    async find(keys) {
      const { lists, names, equal, values } = listed(keys);
      const found = await select(
        `SELECT u.n, t.tableoid || ' ' || t.ctid::text || ' ' || t.xmin::text, ${side.reads.join(', ')}
         FROM unnest(${lists}) WITH ORDINALITY AS u(${names}, n) JOIN ${side.from} ON ${equal}`,
        values,
      );
      const rows: (FoundRow | undefined)[] = keys.map(() => undefined);
      for (const [place, version, ...read] of found) {
        rows[Number(place) - 1] = { version: version!, values: attempt(read) };
      }
      return rows;
    },
  };
}
