/**
 * Takes the CopyData messages out of what the socket brings (PostgreSQL documentation, "Message Formats"), and leaves all
 * others to the driver. A row is such a message, and to make an object and two events of each costs the driver more than
 * to decode it. It begins between two messages: while nothing was asked that is not answered.
 */
export function readCopyData(
  socket: NodeJS.ReadableStream,
  message: (buffer: Buffer, start: number, end: number) => void,
  read: () => void,
): void {
  const driver = socket.listeners('data') as ((chunk: Buffer) => void)[];
  let rest: Buffer | undefined;
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    const data: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    while (start + HEADER_BYTES <= data.length) {
      const end = start + 1 + data.readUInt32BE(start + 1);
      if (end > data.length) break;
      if (data[start] === COPY_DATA) message(data, start + HEADER_BYTES, end);
      else for (const listener of driver) listener(data.subarray(start, end));
      start = end;
    }
    rest = start < data.length ? data.subarray(start) : undefined;
    read();
  });
}

const COPY_DATA = 'd'.charCodeAt(0);
/** The kind of a message and its length, which counts itself. */
const HEADER_BYTES = 5;
