import { connect } from 'node:net';

/** What came of sending bytes. */
export interface Conversation {
  readonly received: string;
  /** `enough`: the client had what it wanted, and left. `silence`: nothing more came, and the connection stayed open. */
  readonly end: 'enough' | 'closed' | 'reset' | 'silence';
}

/** Far longer than anything should take; a proxy that says nothing for so long will say nothing. */
const PATIENCE_MS = 10_000;

/**
 * Sends pieces one by one, and reads until there is enough or the other side is through.
 *
 * @param lingerMs how long to listen once there is enough: where there may be more, or nothing at all
 */
export function converse(
  port: number,
  pieces: readonly string[],
  isEnough: (received: string) => boolean,
  lingerMs = 0,
): Promise<Conversation> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    let received = '';
    const over = (end: Conversation['end']) => {
      clearTimeout(patience);
      socket.destroy();
      done({ received, end });
    };
    let isSent = false;
    const leaveIfEnough = () => {
      if (!isSent || !isEnough(received)) return;
      if (lingerMs === 0) over('enough');
      else setTimeout(over, lingerMs, 'enough');
    };
    const patience = setTimeout(() => over('silence'), PATIENCE_MS);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      leaveIfEnough();
    });
    socket
      .on('error', () => over('reset'))
      .on('end', () => over('closed'))
      .on('close', () => over('closed'));
    socket.on('connect', async () => {
      for (const piece of pieces) {
        if (!socket.writable) return;
        socket.write(piece, 'latin1');
        // In a turn of its own, so that it most likely is a segment of its own.
        await new Promise(setImmediate);
      }
      isSent = true;
      leaveIfEnough();
    });
  });
}
