import type pg from 'pg';
import { connect, disconnect } from '../../database/connect.ts';
import { ConnectionLost } from '../../errors.ts';
import type { StreamLimits } from '../../limits.ts';
import { formatLsn, type Lsn } from '../../position.ts';
import type { Capture, Captured } from '../capture.ts';
import { toPostgresMicroseconds } from './pgoutput.ts';
import { readCopyData } from './read-copy-data.ts';

/** A message of the streaming replication protocol, as the server sends it. */
export type WalMessage =
  | {
      readonly kind: 'data';
      readonly lsn: Lsn;
      /** The output plugin's message: these bytes of `buffer`, which is the driver's. */
      readonly buffer: Buffer;
      readonly start: number;
      readonly end: number;
    }
  | { readonly kind: 'keepalive'; readonly endLsn: Lsn; readonly replyRequested: boolean };

export interface ReplicationOptions {
  readonly url: string;
  /** The name of the slot, and of its publication. */
  readonly slot: string;
  /** Commits below it are not sent. */
  readonly from: Lsn;
  /** Bytes received and not yet done with: above it the socket is paused. */
  readonly limits: Pick<StreamLimits, 'queueBytesMax'>;
  /** Once it is aborted nobody waits for more. */
  readonly signal: AbortSignal;
}

/**
 * Follows a slot. Each message goes through `decode` at once, and what comes of it waits in a queue that is bounded by the
 * bytes received. A paused socket stops the server's keepalives as
 * well, so our status goes out on a timer of its own, always with what was last acknowledged.
 */
export async function followSlot(
  options: ReplicationOptions,
  decode: (message: WalMessage) => readonly Captured[],
): Promise<Capture> {
  const { queueBytesMax } = options.limits;
  const client = await connect(options.url, { applicationName: options.slot, replication: true });
  const statusEveryMs = await statusInterval(client);
  const connection = client.connection as ReplicationConnection;

  let acknowledged = options.from;
  let queue: Captured[] = [];
  let queuedBytes = 0;
  let takenBytes = 0;
  let paused = false;
  let failure: Error | undefined;
  let wake = () => {};

  const fail = (error: Error) => {
    failure ??= error;
    wake();
  };
  const sendStatus = () => {
    if (!failure) connection.sendCopyFromChunk(statusUpdate(acknowledged));
  };
  const onMessage = (buffer: Buffer, start: number, end: number) => {
    if (failure) return;
    try {
      for (const captured of decode(parseWalMessage(buffer, start, end))) queue.push(captured);
      queuedBytes += end - start + ITEM_OVERHEAD_BYTES;
    } catch (error) {
      fail(error as Error);
    }
  };
  const onRead = () => {
    if (queuedBytes + takenBytes > queueBytesMax && !paused) {
      paused = true;
      connection.stream.pause();
    }
    wake();
  };

  const onAbort = () => wake();
  options.signal.addEventListener('abort', onAbort);
  client.on('error', fail);
  client.on('end', () => fail(new ConnectionLost('the replication connection ended')));
  readCopyData(connection.stream, onMessage, onRead);
  const started = new Promise<void>((done) => connection.once('replicationStart', () => done()));
  const ended = client.query(
    `START_REPLICATION SLOT "${options.slot}" LOGICAL ${formatLsn(options.from)} ` +
      `("proto_version" '1', "publication_names" '"${options.slot}"', "messages" 'true')`,
  );
  ended.then(
    () => fail(new ConnectionLost('the server ended the replication')),
    (error: Error) => fail(error),
  );
  try {
    await Promise.race([started, ended]);
  } catch (error) {
    await disconnect(client);
    throw error;
  }
  const timer = setInterval(sendStatus, statusEveryMs);

  return {
    async next() {
      takenBytes = 0;
      if (paused && queuedBytes <= queueBytesMax / 2) {
        paused = false;
        connection.stream.resume();
      }
      while (queue.length === 0) {
        if (failure) throw failure;
        if (options.signal.aborted) return [];
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
    acknowledge(lsn) {
      if (lsn <= acknowledged) return;
      acknowledged = lsn;
      sendStatus();
    },
    fail,
    async close() {
      clearInterval(timer);
      options.signal.removeEventListener('abort', onAbort);
      sendStatus();
      fail(new ConnectionLost('capture was closed'));
      await disconnect(client);
    },
  };
}

/** What the driver's connection can do beside what its types tell. */
type ReplicationConnection = pg.Connection & { sendCopyFromChunk(chunk: Buffer): void };

/** What a message costs in our memory beside its bytes, so that many small ones are bounded too. */
const ITEM_OVERHEAD_BYTES = 256;

/** The server gives up on a client that is silent for `wal_sender_timeout`: we speak four times as often. */
async function statusInterval(client: pg.Client): Promise<number> {
  const { rows } = await client.query(`SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'`);
  const timeoutMs = Number(rows[0]?.setting ?? 0) || 60_000;
  return Math.min(Math.max(timeoutMs / 4, 50), 10_000);
}

/** XLogData and primary keepalive (PostgreSQL documentation, "Streaming Replication Protocol"). */
function parseWalMessage(buffer: Buffer, start: number, end: number): WalMessage {
  const type = buffer.readUInt8(start);
  if (type === XLOG_DATA)
    return { kind: 'data', lsn: buffer.readBigUInt64BE(start + 1), buffer, start: start + 25, end };
  if (type === KEEPALIVE) {
    return {
      kind: 'keepalive',
      endLsn: buffer.readBigUInt64BE(start + 1),
      replyRequested: buffer.readUInt8(start + 17) === 1,
    };
  }
  throw new Error(`replication: a message of an unknown kind, ${JSON.stringify(String.fromCharCode(type))}`);
}

const XLOG_DATA = 'w'.charCodeAt(0);
const KEEPALIVE = 'k'.charCodeAt(0);

/**
 * Standby status update. Written, flushed and applied are one figure: reporting more as written than as flushed would
 * make the server keep back the keepalives by which an idle stream learns how far it is.
 */
function statusUpdate(lsn: Lsn): Buffer {
  const message = Buffer.alloc(34);
  message.write('r', 0, 'latin1');
  message.writeBigUInt64BE(lsn, 1);
  message.writeBigUInt64BE(lsn, 9);
  message.writeBigUInt64BE(lsn, 17);
  message.writeBigInt64BE(toPostgresMicroseconds(Date.now()), 25);
  return message;
}
