import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a database that can be cut, as a network or a server that restarts cuts it. */
export interface DatabaseGate {
  /** The URL of the same database through the gate. */
  through(url: string): string;
  /** Ends every connection and refuses new ones. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

/** Makes a gate to the server of a database URL; it is open. */
export async function createDatabaseGate(databaseUrl: string): Promise<DatabaseGate> {
  const { hostname, port } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), hostname);
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const listenOn = async (gatePort: number) => {
    server.listen(gatePort, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const gatePort = await listenOn(0);
  return {
    through: (url) => {
      const way = new URL(url);
      way.host = `127.0.0.1:${gatePort}`;
      return way.href;
    },
    shut: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    open: async () => void (await listenOn(gatePort)),
  };
}
