import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { slotName } from './capture/embedded/slot.ts';
import type { Configuration } from './config.ts';
import { createMonitor } from './status/monitor.ts';
import { startStatusServer } from './status/server.ts';
import { runStream } from './stream.ts';

/** How often a load or a stream says how far it is, in milliseconds. */
const REPORT_EVERY_MS = 2_000;

/** Runs the streams of all configured migrations, with their status over HTTP, until the signal. */
export async function runStreams(configuration: Configuration, signal: AbortSignal): Promise<void> {
  const log = pino({ level: configuration.logLevel }, pino.destination({ dest: 2, sync: true }));
  const streams = configuration.migrations.map((each) => {
    const name = { capability: each.migration.capability, direction: 'forward' } as const;
    const monitor = createMonitor(name, slotName(name.capability));
    return { ...each, name, monitor, limits: configuration.limits, log: log.child({ capability: name.capability }) };
  });
  const server = await startStatusServer(
    streams.map((stream) => stream.monitor),
    configuration.host,
    configuration.port,
  );
  const { address, port } = server.address() as AddressInfo;
  log.info(`status on http://${address}:${port}/status`);

  const reporter = setInterval(() => {
    for (const stream of streams) {
      const { load } = stream.monitor.status();
      if (load)
        stream.log.info(load, `initial load: ${load.rows} rows, ${load.rows_per_second} rows/s, in ${load.table}`);
    }
  }, REPORT_EVERY_MS);
  try {
    await Promise.all(streams.map((stream) => runStream(stream, signal)));
  } finally {
    clearInterval(reporter);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    log.info('ended');
  }
}
