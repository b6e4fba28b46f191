import type { ContractAnswers } from './answer.ts';
import { createApp } from './app.ts';
import type { CommonConfiguration } from './configuration.ts';
import { createReadiness, type HealthCheck } from './health.ts';
import { createIdentityVerifier } from './identity.ts';
import type { Logger } from './log.ts';
import { createMetrics } from './metrics.ts';
import type { ApiDocument } from './openapi.ts';
import type { Operation } from './operations.ts';
import { listen } from './server.ts';

/** What makes one service different from another. */
export interface ServiceDefinition {
  readonly name: string;
  readonly document: ApiDocument;
  /** The code for each operation of the document, by its `operationId`. */
  readonly operations: Readonly<Record<string, Operation>>;
  readonly contractHeaders: Readonly<Record<string, string>>;
  readonly contractAnswers: ContractAnswers;
  /** What has to be in order for the service to be ready. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  /** Releases what the operations use; called once, after the last request has ended. */
  readonly close: () => Promise<void>;
}

/** A service that answers. */
export interface RunningService {
  readonly url: string;
  /** Unready, no new connections, requests in flight end or are cut off at the deadline, all released. Repeatable. */
  stop(): Promise<void>;
}

/** Starts a service on its configuration's host and port. */
export async function startService(
  definition: ServiceDefinition,
  configuration: CommonConfiguration & { readonly PORT: number },
  log: Logger,
): Promise<RunningService> {
  let stopping: Promise<void> | undefined;
  const app = createApp({
    ...definition,
    log,
    metrics: createMetrics(definition.name),
    verifyIdentity: createIdentityVerifier(configuration),
    readiness: createReadiness(definition.checks, () => stopping !== undefined),
  });
  const server = await listen(app, configuration.HOST, configuration.PORT);
  log.info({ url: server.url }, 'listening');
  const stop = async () => {
    log.info('stopping');
    await server.stop(configuration.STOP_DEADLINE_MS);
    await definition.close();
    log.info('stopped');
  };
  return {
    url: server.url,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Stops the service on SIGTERM and SIGINT, after which the process ends by itself; a second signal ends it at once. */
export function stopOnSignals(service: RunningService): void {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const stop = () => {
    for (const signal of signals) process.off(signal, stop);
    void service.stop();
  };
  for (const signal of signals) process.on(signal, stop);
}
