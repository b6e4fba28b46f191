import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { createEngine } from './capture/create-engine.ts';
import type { Configuration } from './config.ts';
import { startStatusServer } from './status/server.ts';
import { superviseStreams } from './supervise.ts';

/** How often a load or a stream says how far it is, in milliseconds. */
const REPORT_EVERY_MS = 2_000;

/** Runs the streams of all configured migrations, with their status over HTTP, until the signal. */
export async function runStreams(configuration: Configuration, signal: AbortSignal): Promise<void> {
  const log = pino({ level: configuration.logLevel }, pino.destination({ dest: 2, sync: true }));
  const engine = createEngine(configuration.engine);
  const capabilities = configuration.migrations.map((databases) =>
    superviseStreams({ ...databases, engine, limits: configuration.limits, log }),
  );
  const monitors = () => capabilities.flatMap((capability) => capability.monitors());
  const server = await startStatusServer(monitors, configuration.host, configuration.port);
  const { address, port } = server.address() as AddressInfo;
  log.info(`status on http://${address}:${port}/status`);

  const reporter = setInterval(() => {
    for (const monitor of monitors()) {
      const { load, capability } = monitor.status();
      if (!load) continue;
      log.info(
        { capability, ...load },
        `initial load: ${load.rows} rows, ${load.rows_per_second} rows/s, in ${load.table}`,
      );
    }
  }, REPORT_EVERY_MS);
  try {
    await Promise.all(capabilities.map((capability) => capability.run(signal)));
  } finally {
    clearInterval(reporter);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    log.info('ended');
  }
}
