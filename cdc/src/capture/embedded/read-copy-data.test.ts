import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { readCopyData } from './read-copy-data.ts';

const frame = (kind: string, content: string) => {
  const body = Buffer.from(content);
  const header = Buffer.alloc(5);
  header.write(kind, 0, 'latin1');
  header.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
};

test('changes that come in one packet with the answer to START_REPLICATION are not lost, wherever packets end', () => {
  const frames = [
    ...[frame('S', 'a setting'), frame('W', 'both ways'), frame('d', 'first'), frame('N', 'a notice')],
    ...[frame('d', ''), frame('d', 'third'), frame('c', ''), frame('Z', 'I')],
  ];
  const sent = Buffer.concat(frames);
  for (let length = 1; length <= sent.length; length++) {
    const socket = new EventEmitter() as EventEmitter & NodeJS.ReadableStream;
    const driver: string[] = [];
    const messages: string[] = [];
    let reads = 0;
    socket.on('data', (chunk: Buffer) => driver.push(chunk.toString('latin1', 0, 1)));
    readCopyData(
      socket,
      (buffer, start, end) => messages.push(buffer.toString('utf8', start, end)),
      () => reads++,
    );
    for (let at = 0; at < sent.length; at += length) socket.emit('data', sent.subarray(at, at + length));
    expect(messages).toEqual(['first', '', 'third']);
    expect(driver).toEqual(['S', 'W', 'N', 'c', 'Z']);
    expect(reads).toBe(Math.ceil(sent.length / length));
  }
});
