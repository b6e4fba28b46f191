import { createServer, type Server } from 'node:http';
import { pino } from 'pino';
import { createApp } from './app.ts';
import { openDatabase } from './database.ts';
import { startJobs } from './jobs/schedule.ts';
import { readSettings, type Settings } from './settings.ts';
import type { Shop } from './shop.ts';

const DRAIN_MILLISECONDS = 10_000;

let settings: Settings;
try {
  settings = readSettings(process.env);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}

const log = pino({ name: 'shop', level: settings.logLevel });
const database = openDatabase(settings.databaseUrl, log);
let stopping = false;
const shop: Shop = { database, settings, log, isStopping: () => stopping };
const server = createServer(createApp(shop));
const stopJobs = startJobs(shop);

server.on('error', (error: NodeJS.ErrnoException) => {
  const cause = error.code === 'EADDRINUSE' ? 'is taken: set PORT to a free one' : `cannot be used: ${error.message}`;
  log.fatal(`${settings.host}:${settings.port} ${cause}`);
  process.exit(1);
});
server.listen(settings.port, settings.host, () => {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : settings.port;
  log.info({ url: `http://${settings.host}:${port}` }, 'the shop is open');
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, async () => {
    stopping = true;
    log.info({ signal }, 'closing: what has begun is finished');
    await Promise.all([drain(server), stopJobs()]);
    await database.close();
    log.info('closed');
  });
}

/** Takes no new requests and waits for those under way, but not for ever. */
async function drain(open: Server): Promise<void> {
  const deadline = setTimeout(() => open.closeAllConnections(), DRAIN_MILLISECONDS);
  await new Promise((done) => open.close(done));
  clearTimeout(deadline);
}
