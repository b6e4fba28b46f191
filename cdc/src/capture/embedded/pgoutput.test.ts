import { createDatabase } from '@strangler/stack/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDecoder, type PgOutputMessage } from './pgoutput.ts';

/** Byte by byte after the documentation: one transaction on `CREATE TABLE item (id integer PRIMARY KEY, name text)`. */
const DOCUMENTED = [
  '4200000000017d2a98000301a2b3c4d5e600000321',
  '5200004000 7075626c696300 6974656d00 64 0002 01 696400 00000017 ffffffff 00 6e616d6500 00000019 ffffffff',
  '4900004000 4e 0002 74 00000001 31 74 00000003 c3a461',
  '5500004000 4b 0002 74 00000001 31 6e 4e 0002 74 00000001 32 75',
  '4400004000 4b 0002 74 00000001 32 6e',
  '5400000001 00 00004000',
  '4d 01 00000000017d2b00 70726500 00000002 6869',
  '4f 0000000000000010 6f00',
  '59 00005000 7075626c696300 6d6f6f6400',
  '4300 00000000017d2a98 00000000017d2ac8 000301a2b3c4d5e6',
].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));

test('each kind of message is decoded, with every kind of value', () => {
  const decode = createDecoder();
  const messages = DOCUMENTED.map((message) => decode(message));
  const relation = {
    oid: 16384,
    schema: 'public',
    name: 'item',
    replicaIdentity: 'default',
    columns: [
      { name: 'id', identity: true, typeOid: 23 },
      { name: 'name', identity: false, typeOid: 25 },
    ],
  };
  expect(messages).toEqual([
    {
      kind: 'begin',
      commitLsn: 0x17d2a98n,
      committedAtMs: 946_684_800_000 + Number(0x000301a2b3c4d5e6n / 1000n),
      xid: 801,
    },
    { kind: 'relation', relation },
    { kind: 'insert', relation, after: { id: '1', name: 'äa' } },
    // The old row carries its key alone, the new one lacks the large value that did not change.
    { kind: 'update', relation, before: { id: '1' }, after: { id: '2' } },
    { kind: 'delete', relation, before: { id: '2' } },
    { kind: 'truncate', relations: [relation] },
    { kind: 'message', transactional: true, lsn: 0x17d2b00n, prefix: 'pre', content: 'hi' },
    { kind: 'origin', name: 'o' },
    { kind: 'type', oid: 20480, schema: 'public', name: 'mood' },
    { kind: 'commit', commitLsn: 0x17d2a98n, endLsn: 0x17d2ac8n },
  ]);
});

test('values are cut apart rightly whatever their characters and lengths', () => {
  const decode = createDecoder();
  const uint = (value: number, bytes: number) => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeUIntBE(value, 0, bytes);
    return buffer;
  };
  const names = ['a', 'b', 'c', 'd'];
  const columns = names.map((name) => Buffer.concat([uint(0, 1), Buffer.from(`${name}\0`), uint(25, 4), uint(0, 4)]));
  decode(Buffer.concat([Buffer.from('R\0\0\x40\0public\0item\0d', 'latin1'), uint(4, 2), ...columns]));
  const insert = (values: readonly (string | null)[]) => {
    const parts = values.map((value) => {
      if (value === null) return Buffer.from('n');
      return Buffer.concat([Buffer.from('t'), uint(Buffer.byteLength(value), 4), Buffer.from(value)]);
    });
    return decode(Buffer.concat([Buffer.from('I\0\0\x40\0N', 'latin1'), uint(4, 2), ...parts]));
  };
  const samples = [
    '',
    'x',
    'ä',
    '\u{1f600}',
    '\ufffd',
    'n'.repeat(127),
    'ü'.repeat(64),
    'z'.repeat(128),
    '\u0080',
    null,
  ];
  for (const a of samples) {
    for (const b of samples) {
      expect(insert([a, 'plain', b, a])).toMatchObject({ after: { a, b: 'plain', c: b, d: a } });
    }
  }
});

test('a message that is cut anywhere is an error, not a shorter row', () => {
  for (const message of DOCUMENTED.slice(1, 5)) {
    for (let length = 1; length < message.length; length++) {
      const decode = createDecoder();
      if (message !== DOCUMENTED[1]) decode(DOCUMENTED[1]!);
      expect(() => decode(message.subarray(0, length))).toThrow(
        /ends early|out of range|expected|unknown|without|never/,
      );
    }
  }
});

test('a row of a relation that was never described is an error', () => {
  expect(() => createDecoder()(DOCUMENTED[2]!)).toThrow('never described');
});

let database: Awaited<ReturnType<typeof createDatabase>>;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase('pgoutput');
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

test('a real server is understood, under each replica identity', async () => {
  await client.query(`
    CREATE TABLE keyed (id integer PRIMARY KEY, name text);
    CREATE TABLE whole (id integer PRIMARY KEY, name text); ALTER TABLE whole REPLICA IDENTITY FULL;
    CREATE TABLE indexed (a integer, code text NOT NULL, CONSTRAINT by_code UNIQUE (code));
    ALTER TABLE indexed REPLICA IDENTITY USING INDEX by_code;
    CREATE PUBLICATION all_of_it FOR ALL TABLES`);
  const slot = `pgoutput_${database.name}`;
  await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  await client.query(`
    BEGIN;
    INSERT INTO keyed VALUES (1, NULL); UPDATE keyed SET name = 'n'; UPDATE keyed SET id = 2; DELETE FROM keyed;
    INSERT INTO whole VALUES (1, 'a'); UPDATE whole SET name = 'b'; DELETE FROM whole;
    INSERT INTO indexed VALUES (1, 'x'); UPDATE indexed SET code = 'y'; DELETE FROM indexed;
    TRUNCATE keyed, whole;
    SELECT pg_logical_emit_message(true, 'p', 'inside');
    COMMIT`);
  const { rows } = await client.query(
    `SELECT data FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1',
       'publication_names', 'all_of_it', 'messages', 'true')`,
    [slot],
  );
  const decode = createDecoder();
  const messages = rows
    .map((row) => decode(row.data))
    .map(brief)
    .filter((line) => line !== '');
  expect(messages).toEqual([
    'begin',
    'insert keyed -> {"id":"1","name":null}',
    'update keyed undefined -> {"id":"1","name":"n"}',
    'update keyed {"id":"1"} -> {"id":"2","name":"n"}',
    'delete keyed {"id":"2"}',
    'insert whole -> {"id":"1","name":"a"}',
    'update whole {"id":"1","name":"a"} -> {"id":"1","name":"b"}',
    'delete whole {"id":"1","name":"b"}',
    'insert indexed -> {"a":"1","code":"x"}',
    'update indexed {"code":"x"} -> {"a":"1","code":"y"}',
    'delete indexed {"code":"y"}',
    'truncate keyed, whole',
    'message p inside',
    'commit',
  ]);
});

function brief(message: PgOutputMessage): string {
  switch (message.kind) {
    case 'insert':
      return `insert ${message.relation.name} -> ${JSON.stringify(message.after)}`;
    case 'update':
      return `update ${message.relation.name} ${JSON.stringify(message.before)} -> ${JSON.stringify(message.after)}`;
    case 'delete':
      return `delete ${message.relation.name} ${JSON.stringify(message.before)}`;
    case 'truncate':
      return `truncate ${message.relations.map((relation) => relation.name).join(', ')}`;
    case 'message':
      return `message ${message.prefix} ${message.content}`;
    case 'begin':
    case 'commit':
      return message.kind;
    default:
      return '';
  }
}
