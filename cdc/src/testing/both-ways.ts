import { cents, integer, rows, text } from 'strangler-migrations/define';
import { installGuard } from './ownership.ts';
import { type RunningStream, type Stores, type StreamChoice, until, untilState } from './stores.ts';

/** A monolith's table, the service's, and the mapping between them. Test code only. */
export const PROD = 'CREATE TABLE prod (prod_id integer PRIMARY KEY, nm text, prc numeric(10,2))';
export const PRODUCT = 'CREATE TABLE product (id integer PRIMARY KEY, name text, cents bigint)';
export const products = rows({
  source: 'prod',
  target: 'product',
  key: { id: integer('prod_id') },
  columns: { name: text('nm'), cents: cents('prc') },
});

/** Starts both streams of a capability, behind a guard's rows: the monolith owns. */
export async function startBoth(
  stores: Stores,
  tables: Parameters<Stores['start']>[0] = [products],
  choice: Omit<StreamChoice, 'direction'> = {},
): Promise<{ readonly forward: RunningStream; readonly reverse: RunningStream }> {
  const forward = stores.start(tables, {}, choice);
  await untilState(forward, 'streaming');
  await installGuard(stores);
  const reverse = stores.start(tables, {}, { ...choice, direction: 'reverse' });
  await untilState(reverse, 'streaming');
  await until('both publications carry the markers', async () => {
    const sql = `SELECT FROM pg_publication_tables WHERE tablename = 'marker'`;
    return (await stores.source.query(sql)).rowCount === 1 && (await stores.target.query(sql)).rowCount === 1;
  });
  return { forward, reverse };
}
