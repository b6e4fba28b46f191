import { inject, test } from 'vitest';
import { debeziumEngine } from '../capture/debezium/engine.ts';
import { embeddedEngine } from '../capture/embedded/engine.ts';
import type { CaptureEngine } from '../capture/engine.ts';

/** The engine that this test run is of: Debezium where it has Kafka, else the embedded one. Test code only. */
export const engine: CaptureEngine = chosen();

function chosen(): CaptureEngine {
  const kafka = inject('kafka');
  if (!kafka) return embeddedEngine;
  const { brokers, connectUrl } = kafka;
  return debeziumEngine({ name: 'debezium', brokers: brokers.split(','), connectUrl, seenByConnect: new Map() });
}

/** A test of what only the embedded engine does. */
export const embeddedTest: typeof test = engine.name === 'embedded' ? test : ((() => {}) as unknown as typeof test);

/** How many times longer a step may take: each stream has a connector to be started, and its rows go by way of Kafka. */
export const PATIENCE = engine.name === 'embedded' ? 1 : 3;

/** What makes a process of its own use the same engine. */
export const ENGINE_ENVIRONMENT: NodeJS.ProcessEnv = environment();

function environment(): NodeJS.ProcessEnv {
  const kafka = inject('kafka');
  if (!kafka) return {};
  return { STRANGLER_CDC_ENGINE: 'debezium', KAFKA_BROKERS: kafka.brokers, CONNECT_URL: kafka.connectUrl };
}
