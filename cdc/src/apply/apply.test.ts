import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Captured } from '../capture/capture.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { formatLsn, type Position } from '../position.ts';
import { createStores, type Stores } from '../testing/stores.ts';
import { type AppliedBatch, createApplier } from './apply.ts';
import { ensureLedger, insertStreamRow } from './ledger.ts';

let stores: Stores;
beforeAll(async () => {
  stores = await createStores('SELECT', 'SELECT');
  await ensureLedger(stores.target);
});
afterAll(() => stores.end());

const at = (lsn: number): Position => ({
  epoch: { systemId: '1', timeline: 1 },
  commitLsn: BigInt(lsn),
  ordinal: 0,
});
const transaction = (lsn: number): Captured[] => [
  { kind: 'begin', position: at(lsn), txId: lsn, committedAtMs: 1_000 },
  { kind: 'commit', end: at(lsn + 1) },
];
const keepalive = (lsn: number): Captured => ({ kind: 'progress', reached: at(lsn), urgent: false });

test('a source that sends a keepalive behind every transaction costs no commit of the target for each', async () => {
  const stream = { capability: stores.capability, direction: 'forward' } as const;
  const row = { position: at(100), slot: 's', publication: {}, tables: [] };
  const { fence, position } = await insertStreamRow(stores.target, stream, row);
  const batches: AppliedBatch[] = [];
  const applier = createApplier({
    ...{ client: stores.target, stream, fence, position },
    events: { write: () => undefined, settled: async () => {}, flush: async () => {} },
    checkColumns: () => {},
    echoed: () => {},
    pace: { limits: DEFAULT_LIMITS, care: 'ordinary' },
    committed: (batch) => batches.push(batch),
  });
  await applier.apply([
    ...[keepalive(150), ...transaction(200), keepalive(250)],
    ...[...transaction(300), keepalive(350), ...transaction(400), keepalive(450)],
  ]);
  expect(batches.filter(({ transactions }) => transactions > 0)).toMatchObject([
    { transactions: 3, position: at(450) },
  ]);
  const { rows } = await stores.target.query('SELECT lsn::text AS lsn FROM strangler.stream WHERE capability = $1', [
    stores.capability,
  ]);
  expect(rows).toEqual([{ lsn: formatLsn(450n) }]);
});
