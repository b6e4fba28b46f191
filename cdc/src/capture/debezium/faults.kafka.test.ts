import { type Kafka, startKafka } from '@strangler/stack/testing';
import kafkajs from 'kafkajs';
import { integer, rows, text } from 'strangler-migrations/define';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  createStores,
  type RunningStream,
  rowsOf,
  type Stores,
  until,
  untilCaughtUp,
  untilState,
} from '../../testing/stores.ts';
import { debeziumEngine } from './engine.ts';

/** A Kafka of this file's own, as it breaks it. */
let kafka: Kafka;
beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(() => kafka?.stop());

let stores: Stores;
afterEach(() => stores.end());

const ITEM = 'CREATE TABLE item (id integer PRIMARY KEY, name text)';
const items = rows({ source: 'item', target: 'item', key: { id: integer('id') }, columns: { name: text('name') } });

async function startStores(): Promise<RunningStream> {
  const { brokers, connectUrl } = kafka;
  const engine = debeziumEngine({ name: 'debezium', brokers: [brokers], connectUrl, seenByConnect: new Map() });
  stores = await createStores(ITEM, ITEM, engine);
  const stream = stores.start([items]);
  await untilState(stream, 'streaming');
  return stream;
}

const insert = (first: number, last: number) =>
  stores.source.query('INSERT INTO item SELECT n, n::text FROM generate_series($1::int, $2::int) n', [first, last]);

async function expectEqual(): Promise<void> {
  await untilCaughtUp(stores);
  expect(await rowsOf(stores.target, 'item')).toEqual(await rowsOf(stores.source, 'item'));
}

function untilStopped(stream: RunningStream, code: string) {
  return until(`the stream stops with ${code}`, () => {
    const { state, reason } = stream.monitor.status();
    return state === 'stopped' && reason?.code === code && reason;
  });
}

const connect = (method: string, path: string) =>
  fetch(`${kafka.connectUrl}/connectors/${stores.slot}${path}`, { method });

async function topicOf(): Promise<string> {
  const { rows } = await stores.target.query("SELECT log ->> 'topic' AS topic FROM strangler.stream");
  return rows[0].topic;
}

async function withAdmin<T>(work: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const admin = new kafkajs.Kafka({ brokers: [kafka.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** The offset that the next message of the topic will have. */
async function endOfLog(): Promise<number> {
  const topic = await topicOf();
  const [offsets] = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  return Number(offsets!.high);
}

test('a worker that is killed in the middle of large transactions loses nothing and doubles nothing', async () => {
  await startStores();
  await stores.target.query(`CREATE TABLE written (id integer NOT NULL);
    CREATE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.written VALUES (NEW.id); RETURN NULL; END';
    CREATE TRIGGER counted AFTER INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION count_write();
    ALTER TABLE item ENABLE ALWAYS TRIGGER counted`);
  for (let turn = 0; turn < 2; turn++) {
    const begun = await endOfLog();
    await insert(turn * 20_000, turn * 20_000 + 19_999);
    await until('a part of it is in the log', async () => (await endOfLog()) > begun + 500);
    await kafka.worker.kill();
    await kafka.worker.start();
  }
  await expectEqual();
  const { rows: written } = await stores.target.query(
    'SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM written',
  );
  expect(written).toEqual([{ n: 40_000, ids: 40_000 }]);
}, 240_000);

test('a broker that is killed and comes back has everything, and the stream goes on', async () => {
  const stream = await startStores();
  await insert(1, 100);
  await untilCaughtUp(stores);
  await kafka.broker.kill();
  await insert(101, 200);
  await untilState(stream, 'retrying');
  await kafka.broker.start();
  await expectEqual();
});

test('a broker that is frozen is noticed within bounds, and gone on with once it thaws', async () => {
  const stream = await startStores();
  kafka.broker.signal('SIGSTOP');
  try {
    await insert(1, 100);
    await untilState(stream, 'retrying');
  } finally {
    kafka.broker.signal('SIGCONT');
  }
  await expectEqual();
});

test('a log that is read from offset 0 again changes nothing', async () => {
  const stream = await startStores();
  await insert(1, 500);
  await stores.source.query("UPDATE item SET name = 'changed' WHERE id <= 250; DELETE FROM item WHERE id > 400");
  await untilCaughtUp(stores);
  await stream.stop();
  const { rows: before } = await stores.target.query('SELECT id, xmin::text AS written_by FROM item ORDER BY id');
  await stores.target.query('UPDATE strangler.stream SET next_offset = 0');
  await untilState(stores.start([items]), 'streaming');
  await insert(1_000, 1_000);
  await untilCaughtUp(stores);
  const { rows: after } = await stores.target.query(
    'SELECT id, xmin::text AS written_by FROM item WHERE id < 1000 ORDER BY id',
  );
  expect(after).toEqual(before);
  await expectEqual();
});

test('readers that come and go, and a second one that has the same stream, apply each row once', async () => {
  const first = await startStores();
  const second = stores.start([items]);
  await untilState(second, 'waiting');
  let current = first;
  let next = second;
  for (let turn = 0; turn < 3; turn++) {
    await insert(turn * 1_000, turn * 1_000 + 999);
    await current.stop();
    await untilState(next, 'streaming');
    current = next;
    next = stores.start([items]);
  }
  await expectEqual();
  await stores.target.query('UPDATE strangler.stream SET fence = fence + 1');
  await insert(10_000, 10_999);
  await expectEqual();
});

test('a connector that someone pauses is said, and gone on with once it is resumed', async () => {
  const stream = await startStores();
  await connect('PUT', '/pause');
  const reason = await untilStopped(stream, 'connector-paused');
  expect(reason.fix).toContain('/resume');
  await insert(1, 10);
  await connect('PUT', '/resume');
  await expectEqual();
});

test('a connector that someone deletes is registered again', async () => {
  await startStores();
  await insert(1, 10);
  await untilCaughtUp(stores);
  await connect('DELETE', '');
  await insert(11, 20);
  await expectEqual();
});

test('a slot that is dropped while the connector is stopped is never replaced without a word', async () => {
  const stream = await startStores();
  await insert(1, 10);
  await untilCaughtUp(stores);
  await connect('PUT', '/stop');
  await until('the slot can be dropped', () =>
    stores.source.query('SELECT pg_drop_replication_slot($1)', [stores.slot]).then(
      () => true,
      () => false,
    ),
  );
  await insert(11, 20);
  await connect('PUT', '/resume');
  await untilStopped(stream, 'slot-missing');
  const slots = await stores.source.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [stores.slot]);
  expect(slots.rowCount).toBe(0);
});

test('a topic that is deleted stops the stream', async () => {
  const stream = await startStores();
  await insert(1, 10);
  await untilCaughtUp(stores);
  await withAdmin(async (admin) => admin.deleteTopics({ topics: [await topicOf()] }));
  await untilStopped(stream, 'log-missing');
});

test('a topic that is compacted, or of which a part was deleted that was not applied, stops the stream', async () => {
  const stream = await startStores();
  await insert(1, 10);
  await untilCaughtUp(stores);
  await stream.stop();
  const topic = await topicOf();
  await insert(11, 20);
  const { rows: stored } = await stores.target.query('SELECT next_offset::text AS next FROM strangler.stream');
  await until('more is in the log', async () => (await endOfLog()) > Number(stored[0].next) + 10);
  const alter = (name: string, value: string) =>
    withAdmin((admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }],
      }),
    );
  await alter('cleanup.policy', 'compact');
  const compacted = stores.start([items]);
  await untilStopped(compacted, 'log-settings');
  await compacted.stop();
  await alter('cleanup.policy', 'delete');
  await withAdmin(async (admin) => {
    // kafkajs does not fetch what it needs for the next call by itself.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({
      topic,
      partitions: [{ partition: 0, offset: String(Number(stored[0].next) + 5) }],
    });
  });
  await untilStopped(stores.start([items]), 'log-gap');
});

test('a COPY in whose middle the connector was killed, which loses rows in Debezium (issue 1554), stops the stream and is not applied', async () => {
  const stream = await startStores();
  await insert(1, 1);
  await untilCaughtUp(stores);
  const begun = await endOfLog();
  await stores.source.query("COPY item (id) FROM PROGRAM 'seq 1000 60000'");
  await until('a part of it is in the log', async () => (await endOfLog()) > begun + 3_000);
  await kafka.worker.kill();
  await kafka.worker.start();
  const reason = await untilStopped(stream, 'log-gap');
  expect(reason.what).toContain('COPY');
  expect(await rowsOf(stores.target, 'item')).toHaveLength(1);
});

test('an idle reader sets no timer for a time that has passed', async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error) => warnings.push(warning.name);
  process.on('warning', onWarning);
  try {
    await startStores();
    await until('some marks have gone through', async () => {
      const { rows } = await stores.target.query('SELECT next_offset > 60 AS enough FROM strangler.stream');
      return rows[0].enough;
    });
  } finally {
    process.off('warning', onWarning);
  }
  expect(warnings).not.toContain('TimeoutNegativeWarning');
});
