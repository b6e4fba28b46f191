import { randomUUID } from 'node:crypto';
import kafkajs, { type Admin, type Batch, type Consumer } from 'kafkajs';
import { ConnectionLost, describeError } from '../../errors.ts';
import { repairRequestQueue } from './kafkajs-repair.ts';
import type { LogClient, LogMessage, LogReader, TopicState } from './log-reader.ts';

const CONNECT_WITHIN_MS = 5_000;
const REQUEST_WITHIN_MS = 10_000;
/** A fetch comes back after this time, with or without messages. */
const FETCH_WAIT_MS = 500;
/** No fetch came back for so long: the broker is frozen, or the network swallows what is sent. */
const SILENCE_MS_MAX = 15_000;
const FETCH_BYTES_MAX = 4 * 1024 * 1024;
/** Our one reader never shares its group, so a rebalance has nothing to decide: time-outs are ours alone. */
const GROUP_SESSION_MS = 60_000;
const CLOSE_WITHIN_MS = 2_000;
/** What a message costs in our memory beside its bytes. */
const MESSAGE_OVERHEAD_BYTES = 256;

/** kafkajs 2.2.4 behind the port. Nothing that it does by itself (retries, groups, offsets) is relied upon. */
export function openKafkaLog(brokers: readonly string[], clientId: string): LogClient {
  repairRequestQueue();
  const kafka = new kafkajs.Kafka({
    clientId,
    brokers: [...brokers],
    connectionTimeout: CONNECT_WITHIN_MS,
    requestTimeout: REQUEST_WITHIN_MS,
    enforceRequestTimeout: true,
    logLevel: kafkajs.logLevel.NOTHING,
    // The session that failed is tried again as a whole, by those who know what that means.
    retry: { retries: 1, initialRetryTime: 100, maxRetryTime: 500 },
  });
  let admin: Promise<Admin> | undefined;
  const withAdmin = async <T>(what: string, work: (admin: Admin) => Promise<T>): Promise<T> => {
    try {
      admin ??= (async () => {
        const opened = kafka.admin();
        await opened.connect();
        return opened;
      })();
      return await work(await admin);
    } catch (error) {
      const broken = await admin?.catch(() => undefined);
      admin = undefined;
      void broken?.disconnect().catch(() => {});
      throw new ConnectionLost(`Kafka (${brokers.join(', ')}): ${what}: ${describeError(error)}`, { cause: error });
    }
  };

  return {
    createTopic: (topic, settings) =>
      withAdmin(`creating the topic ${topic}`, async (client) => {
        const nodes = (await client.describeCluster()).brokers.length;
        const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
        const replicationFactor = Math.min(3, nodes);
        // kafkajs answers with false for a topic that is there.
        return client.createTopics({
          topics: [{ topic, numPartitions: 1, replicationFactor, configEntries }],
          timeout: REQUEST_WITHIN_MS,
        });
      }),
    describeTopic: (topic) =>
      withAdmin(`looking at the topic ${topic}`, async (client): Promise<TopicState | undefined> => {
        // Asking for its metadata by name would create it, on a broker that creates topics by itself.
        if (!(await client.listTopics()).includes(topic)) return undefined;
        const [metadata] = (await client.fetchTopicMetadata({ topics: [topic] })).topics;
        const [offsets] = await client.fetchTopicOffsets(topic);
        const described = await client.describeConfigs({
          resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
          includeSynonyms: false,
        });
        const entries = described.resources[0]?.configEntries ?? [];
        return {
          partitions: metadata!.partitions.length,
          settings: Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue])),
          first: BigInt(offsets!.low),
          next: BigInt(offsets!.high),
        };
      }),
    deleteTopic: (topic) =>
      withAdmin(`deleting the topic ${topic}`, (client) =>
        client.deleteTopics({ topics: [topic], timeout: REQUEST_WITHIN_MS }),
      ),
    brokers: () => withAdmin('asking who is there', async (client) => (await client.describeCluster()).brokers.length),
    read: (topic, from, options) => startReading(kafka, topic, from, options),
    async close() {
      const opened = await admin?.catch(() => undefined);
      await inTime(opened?.disconnect());
    },
  };
}

async function startReading(
  kafka: kafkajs.Kafka,
  topic: string,
  from: bigint,
  { limits, signal }: Parameters<LogClient['read']>[2],
): Promise<LogReader> {
  // A group of its own for each reader. kafkajs goes on with partitions that it has lost in a rebalance (its issue 1046):
  // where nobody else is in the group, none can be lost. Who may write is decided by the fence in the target.
  const consumer = kafka.consumer({
    groupId: `${topic}.${randomUUID()}`,
    sessionTimeout: GROUP_SESSION_MS,
    heartbeatInterval: 3_000,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytesPerPartition: FETCH_BYTES_MAX,
    maxBytes: FETCH_BYTES_MAX,
    allowAutoTopicCreation: false,
    retry: { retries: 1, initialRetryTime: 100, maxRetryTime: 500, restartOnFailure: async () => false },
  });
  let expected = from;
  let queue: LogMessage[] = [];
  let queuedBytes = 0;
  let takenBytes = 0;
  let failure: Error | undefined;
  let lastAnswerAt = performance.now();
  let wake = () => {};
  let roomMade = () => {};

  const fail = (error: Error) => {
    failure ??= error;
    wake();
    roomMade();
  };
  const lost = (what: string, cause?: unknown) =>
    fail(new ConnectionLost(`Kafka: ${what}${cause === undefined ? '' : `: ${describeError(cause)}`}`, { cause }));
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);

  const seek = () => consumer.seek({ topic, partition: 0, offset: String(expected) });

  /** Takes the messages of a batch that are due. False when they begin behind what is due: then we seek once more. */
  const take = (batch: Batch) => {
    for (const message of batch.messages) {
      const offset = BigInt(message.offset);
      // Before a seek takes effect, and after the first part of a batch of the log, older ones come.
      if (offset < expected) continue;
      if (offset > expected) return false;
      expected = offset + 1n;
      const bytes = (message.value?.length ?? 0) + MESSAGE_OVERHEAD_BYTES;
      queue.push({ offset, value: message.value, headers: (message.headers ?? {}) as Record<string, Buffer> });
      queuedBytes += bytes;
    }
    return true;
  };

  const onBatch = async ({ batch, heartbeat }: { batch: Batch; heartbeat(): Promise<void> }) => {
    lastAnswerAt = performance.now();
    const before = expected;
    if (!take(batch)) {
      if (strays++ >= STRAYS_MAX) lost(`messages from ${expected} on are not handed over, only ${batch.firstOffset()}`);
      else seek();
    } else if (expected !== before) strays = 0;
    wake();
    while (queuedBytes + takenBytes > limits.queueBytesMax && !failure && !signal.aborted) {
      const room = new Promise<void>((done) => {
        roomMade = done;
      });
      await Promise.race([room, new Promise((done) => setTimeout(done, 1_000))]);
      await heartbeat();
      lastAnswerAt = performance.now();
    }
  };
  let strays = 0;

  consumer.on('consumer.fetch', () => {
    lastAnswerAt = performance.now();
  });
  consumer.on('consumer.crash', ({ payload }) => lost('reading failed', payload.error));
  consumer.on('consumer.disconnect', () => lost('the connection was closed'));
  const watchdog = setInterval(() => {
    if (performance.now() - lastAnswerAt > SILENCE_MS_MAX) {
      lost(`no broker has answered for ${SILENCE_MS_MAX / 1_000} s`);
    }
  }, 1_000);

  const close = async () => {
    clearInterval(watchdog);
    signal.removeEventListener('abort', onAbort);
    lost('reading has ended');
    await inTime(stopConsumer(consumer));
  };
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: true, eachBatch: onBatch });
    seek();
  } catch (error) {
    await close();
    throw new ConnectionLost(`Kafka: reading ${topic}: ${describeError(error)}`, { cause: error });
  }

  return {
    async next() {
      takenBytes = 0;
      roomMade();
      while (queue.length === 0) {
        if (failure) throw failure;
        if (signal.aborted) return [];
        await new Promise<void>((done) => {
          wake = done;
        });
      }
      const taken = queue;
      queue = [];
      takenBytes = queuedBytes;
      queuedBytes = 0;
      return taken;
    },
    seek(offset) {
      expected = offset;
      queue = [];
      queuedBytes = 0;
      seek();
      roomMade();
    },
    fail,
    close,
  };
}

/** How often messages may come that are not due, one time after the other, before we give up. */
const STRAYS_MAX = 20;

async function stopConsumer(consumer: Consumer): Promise<void> {
  await consumer.disconnect().catch(() => {});
}

/** Waits, but not for a peer that does not answer. */
async function inTime(work: Promise<unknown> | undefined): Promise<void> {
  if (!work) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((done) => {
    timer = setTimeout(done, CLOSE_WITHIN_MS);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}
