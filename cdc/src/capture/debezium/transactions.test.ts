import { expect, test } from 'vitest';
import { StreamStop } from '../../errors.ts';
import type { LogMessage } from './log-reader.ts';
import { parseLossless } from './message.ts';
import { createTransactions, type Taken } from './transactions.ts';

const EPOCH = { systemId: '1', timeline: 1 };

/** The messages of a log, with rising offsets. */
function createLog() {
  const messages: LogMessage[] = [];
  const add = (content: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const value = content === null ? null : Buffer.from(JSON.stringify(content));
    const all = Object.entries({ '__debezium.context.runId': 'first', ...headers });
    messages.push({
      ...{ offset: BigInt(messages.length), value },
      headers: Object.fromEntries(all.map(([name, text]) => [name, Buffer.from(text)])),
    });
  };
  const log = {
    messages,
    begin: (xid: number) => add({ status: 'BEGIN', id: `${xid}:1`, ts_ms: 5 }),
    end: (xid: number, end: number, events: number) =>
      add({ status: 'END', id: `${xid}:${end}`, event_count: events, ts_ms: 5 }),
    row(
      xid: number,
      order: number,
      { previous = null as number | null, lsn = xid * 1_000 + order, run = 'first', id = order } = {},
    ) {
      const source = {
        schema: 'public',
        table: 'item',
        lsn,
        ts_ms: 5,
        sequence: JSON.stringify([previous && String(previous), String(lsn)]),
      };
      const transaction = { id: `${xid}:${lsn}`, total_order: order };
      add({ op: 'c', before: null, after: { id }, source, transaction, ts_ms: 6 }, { '__debezium.context.runId': run });
    },
    mark: (lsn: number) =>
      add({ op: 'm', source: { lsn }, transaction: null, message: { prefix: 'strangler', content: '' } }),
    nothing: () => add(null),
    heartbeat: () => add({ ts_ms: 7 }),
  };
  return log;
}

/** Reads a log as capture does, from the beginning; `times`: how many messages were read. */
function readAll(
  messages: readonly LogMessage[],
  options: { reached?: bigint; fresh?: boolean; bytesMax?: number } = {},
) {
  const take = createTransactions({
    ...{
      epoch: EPOCH,
      reached: options.reached ?? 100n,
      fresh: options.fresh ?? true,
      bytesMax: options.bytesMax ?? 1e6,
    },
    echo: { isOrigin: () => false, writes: () => false },
    toEvent: (message, ordinal) => ({
      ...{ key: null, before: null, after: { id: String(message.after?.id) }, op: 'c', ts_ms: 0 },
      source: { schema: 'public', table: 'item', txId: message.transaction.xid, lsn: message.lsn, ordinal, ts_ms: 0 },
    }),
  });
  const captured: Taken['captured'][number][] = [];
  let read = 0;
  for (let index = 0; index < messages.length; index++) {
    const taken = take(messages[index]!);
    captured.push(...taken.captured);
    read++;
    if (taken.rewind !== undefined) index = Number(taken.rewind) - 1;
  }
  const shown = captured.flatMap((item) => {
    if (item.kind === 'begin') return [`begin ${item.txId}`];
    if (item.kind === 'change') return [`row ${item.event.after?.id}`];
    if (item.kind === 'commit') return [`commit ${item.end.commitLsn} next ${item.end.nextOffset}`];
    return item.kind === 'progress' ? [`reached ${item.reached.commitLsn}`] : [];
  });
  return { shown, read };
}

function stopOf(messages: readonly LogMessage[], options = {}): StreamStop {
  try {
    readAll(messages, options);
  } catch (error) {
    if (error instanceof StreamStop) return error;
    throw error;
  }
  throw new Error('it did not stop');
}

test('a transaction is handed over when its end is there, and not before', () => {
  const log = createLog();
  log.begin(1);
  log.row(1, 1);
  log.heartbeat();
  log.row(1, 2);
  expect(readAll(log.messages).shown).toEqual([]);
  log.end(1, 200, 2);
  expect(readAll(log.messages).shown).toEqual(['begin 1', 'row 1', 'row 2', 'commit 200 next 5']);
});

test('events that come again, from the middle of a transaction and without its begin, are left out', () => {
  const log = createLog();
  log.begin(1);
  for (const order of [1, 2, 3]) log.row(1, order);
  for (const order of [2, 3, 4]) log.row(1, order, { run: 'second' });
  log.end(1, 200, 4);
  expect(readAll(log.messages).shown).toEqual(['begin 1', 'row 1', 'row 2', 'row 3', 'row 4', 'commit 200 next 8']);
});

test('whole transactions that come again, and a tail of one, are known by where their commit ends', () => {
  const log = createLog();
  for (const again of [false, true]) {
    if (!again) log.begin(1);
    if (!again) log.row(1, 1);
    log.row(1, 2);
    log.end(1, 200, 2);
    log.begin(2);
    log.row(2, 1, { previous: 200 });
    log.end(2, 300, 1);
  }
  expect(readAll(log.messages).shown).toEqual([
    'begin 1',
    'row 1',
    'row 2',
    'commit 200 next 4',
    'begin 2',
    'row 1',
    'commit 300 next 7',
  ]);
  expect(readAll(log.messages, { reached: 300n, fresh: false }).shown).toEqual([]);
});

test('a transaction that is cut off by an older one that comes again is taken when it is whole', () => {
  const log = createLog();
  log.begin(1);
  log.row(1, 1);
  log.end(1, 200, 1);
  log.begin(2);
  log.row(2, 1, { previous: 200 });
  log.begin(1);
  log.row(1, 1);
  log.end(1, 200, 1);
  log.begin(2);
  log.row(2, 1, { previous: 200 });
  log.row(2, 2, { previous: 200 });
  log.end(2, 300, 2);
  expect(readAll(log.messages).shown.slice(3)).toEqual(['begin 2', 'row 1', 'row 2', 'commit 300 next 12']);
});

test('a transaction that is larger than may be kept is read twice, and handed over as it comes', () => {
  const log = createLog();
  log.begin(1);
  for (let order = 1; order <= 10; order++) log.row(1, order);
  log.end(1, 200, 10);
  log.mark(250);
  const { shown, read } = readAll(log.messages, { bytesMax: 500 });
  expect(shown).toEqual([
    'begin 1',
    ...Array.from({ length: 10 }, (_, n) => `row ${n + 1}`),
    'commit 200 next 12',
    'reached 250',
  ]);
  expect(read).toBe(25);
});

test('a tombstone and a heartbeat are nothing; a mark, or a transaction without rows, moves the place', () => {
  const log = createLog();
  log.nothing();
  log.heartbeat();
  log.mark(150);
  log.begin(3);
  log.end(3, 180, 0);
  expect(readAll(log.messages).shown).toEqual(['reached 150', 'reached 180']);
});

test('an event that is missing within a transaction stops the stream', () => {
  const log = createLog();
  log.begin(1);
  log.row(1, 1);
  log.row(1, 3);
  expect(stopOf(log.messages)).toMatchObject({ code: 'log-gap' });
});

test('events that are missing at the end of a transaction, as in a compacted topic, stop the stream', () => {
  const log = createLog();
  log.begin(1);
  log.row(1, 1);
  log.end(1, 200, 2);
  expect(stopOf(log.messages)).toMatchObject({ code: 'log-gap' });
});

test('a commit that is missing between two transactions stops the stream', () => {
  const log = createLog();
  log.begin(1);
  log.row(1, 1);
  log.end(1, 200, 1);
  log.begin(3);
  log.row(3, 1, { previous: 300 });
  log.end(3, 400, 1);
  expect(stopOf(log.messages).message).toContain('0/C8 to 0/12C');
});

test('a connector that has lost its offsets stops the stream, unless all that it says is known', () => {
  const log = createLog();
  log.begin(1);
  log.row(1, 1);
  log.end(1, 200, 1);
  expect(readAll(log.messages, { reached: 200n, fresh: false }).shown).toEqual([]);
  log.begin(2);
  log.row(2, 1);
  log.end(2, 300, 1);
  expect(stopOf(log.messages).message).toContain('lost its offsets');
});

test('rows that come again and are others, as behind a COPY that was cut, stop the stream', () => {
  const log = createLog();
  log.begin(1);
  for (const order of [1, 2, 3]) log.row(1, order);
  log.row(1, 3, { run: 'second', id: 17 });
  expect(stopOf(log.messages).message).toContain('issue 1554');
});

test('a connector that begins again amid rows which share their position stops the stream, also if nothing comes again', () => {
  const log = createLog();
  log.begin(1);
  log.row(1, 1, { lsn: 7 });
  log.row(1, 2, { lsn: 7 });
  log.row(1, 3, { lsn: 9, run: 'second' });
  expect(stopOf(log.messages).message).toContain('issue 1554');
});

test('integers beyond 2^53 are kept, wherever they stand, and nothing else is changed by that', () => {
  expect(parseLossless('{"a":9007199254740993,"b":[-9223372036854775808],"c":1.5e300,"d":"9007199254740993"}')).toEqual(
    {
      a: 9007199254740993n,
      b: [-9223372036854775808n],
      c: 1.5e300,
      d: '9007199254740993',
    },
  );
  expect(parseLossless('{"a":0.30000000000000004,"b":1234567890123456.5}')).toEqual({
    a: 0.1 + 0.2,
    b: 1234567890123456.5,
  });
});
