import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { loadMigrations } from 'strangler-migrations/define';
import { LEADERSHIP_LOST } from '../cutover/attempt.ts';
import { createApi } from './api.ts';
import type { ControlConfig } from './config.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { whileLeading } from './leadership.ts';

/** `strangler control`: leads, or stands by until it does, until it is told to stop. */
export async function runControlPlane(config: ControlConfig, stop: AbortSignal): Promise<void> {
  const logger = pino({ level: config.logLevel, base: null, formatters: { level: (level) => ({ level }) } });
  const migrations = await loadMigrations(config.migrations);
  let plane: ControlPlane | undefined;
  let trouble: string | undefined;
  const api = createApi({
    ...{ token: config.token, proxyToken: config.proxyToken },
    plane: () => plane,
    notReady: () => (trouble === undefined ? [] : [trouble]),
    onFault: (error) => logger.error({ err: error }, 'A request to the API failed'),
  });
  api.listen(config.port, config.host);
  await once(api, 'listening');
  const { port } = api.address() as AddressInfo;
  logger.info({ url: `http://${config.host}:${port}` }, 'ready');

  await whileLeading(
    config.database,
    stop,
    async (leading) => {
      // Everything below asks this one signal whether it may go on.
      const lost = new AbortController();
      leading.addEventListener('abort', () => lost.abort(LEADERSHIP_LOST));
      const started = await startControlPlane(config, migrations, logger, lost.signal);
      plane = started;
      trouble = undefined;
      logger.info({}, 'leads');
      if (!leading.aborted) await once(leading, 'abort');
      plane = undefined;
      await started.close();
      logger.info({}, 'leads no more');
    },
    (error) => {
      trouble = error.message;
      plane = undefined;
      logger.error({ err: error }, 'The control plane cannot lead: it tries again');
    },
  );
  api.close();
  api.closeAllConnections();
}
