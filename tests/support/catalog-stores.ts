import pg from 'pg';
import type { LoadReport } from './catalog-load.ts';
import { until } from './until.ts';

/** What became of the acknowledged writes, over both databases. */
export interface Findings {
  /** Acknowledged, and not in a store, or under another id. */
  readonly lost: readonly string[];
  /** In a store more often than once. */
  readonly doubled: readonly string[];
  /** Ids that two acknowledged creations were given. */
  readonly collisions: readonly number[];
}

/** Looks every acknowledged write up in both stores, once both have the same rows of it. */
export async function lookUp(
  databases: { readonly monolith: string; readonly catalog: string },
  { created, numbered }: Pick<LoadReport, 'created' | 'numbered'>,
  prefix: string,
): Promise<Findings> {
  const stores = [
    { name: 'monolith', url: databases.monolith, sql: 'SELECT prod_id AS id, sku, prod_dsc AS text FROM prod' },
    { name: 'catalog', url: databases.catalog, sql: 'SELECT id, sku, description AS text FROM product' },
  ];
  const read = async () => {
    const rows = await Promise.all(stores.map(({ url, sql }) => rowsOf(url, sql)));
    return {
      rows,
      findings: find(
        rows,
        stores.map(({ name }) => name),
        created,
        numbered,
        prefix,
      ),
    };
  };
  // What was written last is on its way to the other store.
  const { findings } = await until(read, (each) => each.findings.lost.length === 0, {
    ...{ withinMs: 15_000, everyMs: 300 },
  }).catch(read);
  return findings;
}

interface Row {
  readonly id: number;
  readonly sku: string;
  readonly text: string;
}

function find(
  stores: readonly (readonly Row[])[],
  names: readonly string[],
  created: LoadReport['created'],
  numbered: LoadReport['numbered'],
  prefix: string,
): Findings {
  const [lost, doubled]: string[][] = [[], []];
  for (const [place, rows] of stores.entries()) {
    const store = names[place];
    const bySku = Map.groupBy(rows, ({ sku }) => sku);
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (const { sku, id } of created) {
      const found = bySku.get(sku) ?? [];
      if (found[0]?.id !== id) lost?.push(`${sku} (id ${id}) in ${store}: ${found[0]?.id ?? 'nothing'}`);
      if (found.length > 1) doubled?.push(`${sku} in ${store}`);
    }
    for (const [product, number] of numbered) {
      const [, kept = '0'] = new RegExp(`${prefix} (\\d+)`).exec(byId.get(product)?.text ?? '') ?? [];
      if (Number(kept) < number) lost?.push(`change ${number} of product ${product} in ${store}: ${kept}`);
    }
  }
  const byId = Map.groupBy(created, ({ id }) => id);
  const collisions = [...byId].filter(([, each]) => each.length > 1).map(([id]) => id);
  return { lost: lost ?? [], doubled: doubled ?? [], collisions };
}

async function rowsOf(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
