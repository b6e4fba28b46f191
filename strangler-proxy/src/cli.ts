#!/usr/bin/env node
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { loadMigrations, type Migration } from 'strangler-migrations/define';
import { createAccessLog, NO_ACCESS_LOG } from './access-log.ts';
import { type AdminRoute, createAdmin } from './admin/index.ts';
import { defaultRedaction } from './compare/redact.ts';
import { type Config, ConfigError, HELP, readConfig, redacted } from './config.ts';
import { type ControlStatus, followControlPlane } from './decide/control-plane.ts';
import { NO_FLAGS } from './decide/flags.ts';
import { createHold } from './decide/hold.ts';
import { keepOrders } from './decide/kept-orders.ts';
import { MONOLITH_OWNS_ALL } from './decide/ownership.ts';
import { proxyName } from './decide/proxy-name.ts';
import { unleashFlags } from './decide/unleash-flags.ts';
import { explainCommand } from './explain/command.ts';
import { upstreamNotices, upstreamStates } from './forward/upstream-states.ts';
import { createUpstreams } from './forward/upstreams.ts';
import { openIdentity } from './identity-config.ts';
import { createMetrics } from './metrics.ts';
import { NO_PINS, openPins } from './pin-config.ts';
import { createProxy } from './proxy.ts';
import { recordCommand } from './recording/command.ts';
import { createRecording } from './recording/recording.ts';
import { createGenerations } from './reload/generations.ts';
import { createReload } from './reload/reload.ts';
import { replayCommand } from './replay/command.ts';
import { routeFigures } from './route-state.ts';
import { createProxyServer } from './server.ts';
import { createShadow } from './shadow/index.ts';
import { openTracing } from './tracing/open-tracing.ts';

/** What the command can do besides serving. */
const COMMANDS: Readonly<Record<string, (args: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>>> = {
  explain: explainCommand,
  record: recordCommand,
  replay: replayCommand,
};

/** How long a start waits for the control plane; without it, what it said last holds. */
const CONTROL_WAIT_MS = 1_500;
/** How long requests under way may take to end after SIGTERM. */
const DRAIN_MS = 10_000;

const [verb = '', ...words] = process.argv.slice(2);
const command = COMMANDS[verb];
if (command !== undefined) {
  process.exitCode = await command(words, process.env).catch((error: unknown) => {
    process.stderr.write(`strangler-proxy ${verb}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  });
} else if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(HELP);
} else {
  await main().catch((error: unknown) => {
    const faults =
      error instanceof ConfigError ? error.faults : [error instanceof Error ? error.message : String(error)];
    process.stderr.write(`strangler-proxy cannot start:\n${faults.map((fault) => `  ${fault}\n`).join('')}`);
    process.exit(1);
  });
}

async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2), process.env);
  const migrations = await loadMigrations(config.migrations);
  const logger = pino({ level: config.logLevel, base: null, formatters: { level: (level) => ({ level }) } });
  const logsRequests = logger.isLevelEnabled('info');
  const accessLog = logsRequests ? createAccessLog(process.stdout) : NO_ACCESS_LOG;

  const tracing = await openTracing(process.env, logger);
  const metrics = createMetrics();
  collectDefaultMetrics({ register: metrics.registry });
  const { registry } = metrics;
  const catchUp = {
    caughtUp: async (capability: string, timeoutMs: number) =>
      (await pins?.caughtUp(capability, ownership.ownerOf(capability), timeoutMs)) ?? false,
  };
  const shadow = createShadow({
    upstreams: { get: (name) => generations.current().upstreams.get(name) },
    registry,
    // Where nobody knows the stores, every difference that counts is a mismatch.
    ...(Object.keys(config.databases).length > 0 ? { catchUp } : {}),
    onFault: (error) => logger.error({ err: error }, 'A comparison failed; nobody was served worse for it'),
  });
  const flags =
    config.unleash === undefined
      ? NO_FLAGS
      : await unleashFlags({ ...config.unleash, stateFolder: join(config.state, 'flags'), logger });
  if (config.unleash === undefined) logger.warn({}, 'No flag server (UNLEASH_URL): every flag is off');

  const hold = createHold(config.hold);
  let routes: () => readonly AdminRoute[] = () => [];
  const controlled =
    config.control &&
    followControlPlane({
      ...{ ...config.control, hold, logger },
      name: config.name ?? proxyName(config.state),
      capabilities: migrations.map(({ capability }) => capability),
      kept: keepOrders(join(config.state, 'ownership')),
      figures: () => ({ routes: routeFigures(routes(), shadow.stats()) }),
    });
  if (controlled === undefined)
    logger.warn({}, 'No control plane (STRANGLER_CONTROL_URL): the monolith owns everything');
  const ownership = controlled ?? MONOLITH_OWNS_ALL;
  const recording = createRecording(defaultRedaction);
  const pins = openPins(config, migrations, registry, logger);
  const opened = await openIdentity(
    config,
    { get: (name) => generations.current().upstreams.get(name) },
    registry,
    logger,
  );
  const open = ({ upstreams: addresses, servedBy, trustProxy }: Config, migrations: readonly Migration[]) => {
    const upstreams = createUpstreams(addresses);
    const identity = opened?.identity;
    const shared = { flags, ownership, hold, pins, identity, shadow, recording, metrics, accessLog, tracing };
    try {
      return createProxy({ ...shared, migrations, upstreams, servedBy, trustProxy });
    } catch (error) {
      void upstreams.destroy();
      throw error;
    }
  };
  const generations = createGenerations(open(config, migrations), hold);
  const reload = createReload({
    ...{ config, open, generations, registry, logger },
    capabilities: migrations.map(({ capability }) => capability),
    read: () => readConfig(process.argv.slice(2), process.env),
  });
  const upstreams = () => upstreamStates(generations.current().upstreams);
  routes = () => generations.current().routes();
  // A write of the first moment is not to go to an owner of long ago.
  await controlled?.heard(CONTROL_WAIT_MS);
  const { server, stop } = createProxyServer(generations);
  let notReady: readonly string[] = ['starting'];
  const admin = createServer(
    createAdmin({
      routes: () => routes(),
      upstreams,
      shadow,
      recording,
      registry,
      token: config.adminToken,
      identityKeys: opened?.keys.published,
      notReady: () => notReady,
      // A service that is gone is no reason to take the proxy away from the monolith's users: it stays ready.
      notices: () => [
        ...flagNotices(flags.status(), config),
        ...controlNotices(controlled?.status()),
        ...(pins === undefined ? [NO_PINS] : pins.notices()),
        ...upstreamNotices(upstreams()),
        ...reload.notices(),
      ],
    }),
  );

  const stopped = Promise.withResolvers<void>();
  const onSignal = () => stopped.resolve();
  process.once('SIGTERM', onSignal).once('SIGINT', onSignal);
  process.on('SIGHUP', () => void reload.now());
  const adminUrl = await listen(admin, config.adminPort, config.host, 'ADMIN_PORT');
  const url = await listen(server, config.port, config.host, 'PORT');
  notReady = [];
  logger.info({ url, admin: adminUrl, config: redacted(config) }, 'ready');

  await stopped.promise;
  // A second signal ends the process at once, as Node does by itself now.
  notReady = ['stopping'];
  logger.info({ deadline_ms: DRAIN_MS }, 'stopping');
  await stop(DRAIN_MS);
  // Writes that wait are waited for too, so orders are followed up to here.
  await controlled?.close();
  await Promise.all([generations.close(), shadow.close()]);
  flags.close();
  pins?.close();
  opened?.keys.close();
  await tracing?.close();
  admin.close();
  admin.closeAllConnections();
  logger.info({}, 'stopped');
}

function flagNotices({ state, error }: { state: string; error: string | undefined }, { unleash }: Config): string[] {
  if (unleash === undefined) return ['There is no flag server (UNLEASH_URL): every flag is off'];
  if (state === 'fresh') return [];
  const holds = state === 'kept' ? 'what it said last holds' : 'every flag is off until it answers';
  return [`The flag server does not answer: ${holds}${error === undefined ? '' : ` (${error})`}`];
}

function controlNotices(status: ControlStatus | undefined): string[] {
  if (status === undefined) return ['There is no control plane (STRANGLER_CONTROL_URL): the monolith owns everything'];
  if (status.state === 'fresh') return [];
  const holds =
    status.state === 'kept' ? 'owners stay as it said last' : 'the monolith owns everything until it answers';
  return [`The control plane does not answer: ${holds} (${status.error})`];
}

async function listen(server: Server, port: number, host: string, variable: string): Promise<string> {
  server.listen(port, host);
  await once(server, 'listening').catch(({ code, message }: NodeJS.ErrnoException) => {
    if (code !== 'EADDRINUSE') throw new ConfigError([`${variable}: ${message}`]);
    throw new ConfigError([`port ${port} of ${host} is in use: stop what uses it, or set ${variable}`]);
  });
  const address = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}
