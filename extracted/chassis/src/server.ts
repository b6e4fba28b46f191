import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigurationError } from './configuration.ts';

/** An HTTP server that listens. */
export interface RunningServer {
  readonly url: string;
  /** Refuses new connections, lets requests in flight end, and cuts off what is left after `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}

/**
 * Starts a server with a bound on every wait.
 *
 * @throws {ConfigurationError} when it cannot listen there.
 */
export async function listen(listener: RequestListener, host: string, port: number): Promise<RunningServer> {
  const server = createServer(
    {
      // Longer than the idle time of any proxy's pool: the one that closes must be the one that would send next.
      keepAliveTimeout: 65_000,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 1_000,
    },
    listener,
  );
  await new Promise<void>((done, fail) => {
    const refuse = (cause: Error) => {
      const fault = `cannot listen on ${host}, port ${port} (${cause.message}): set HOST and PORT to what is free here`;
      fail(new ConfigurationError(fault, { cause }));
    };
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      done();
    });
  });
  const { port: bound } = server.address() as AddressInfo;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`, stop: (ms) => stop(server, ms) };
}

async function stop(server: Server, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  // A kept-alive connection becomes idle when its last answer has gone out, and nobody else would close it then.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
