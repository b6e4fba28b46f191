import type { TestProject } from 'vitest/node';
import { startKafka } from './kafka.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the test run's Kafka and Kafka Connect are; only where the run has them. */
    kafka: { readonly brokers: string; readonly connectUrl: string };
  }
}

/** Starts the one Kafka of a test run, or takes what `KAFKA_BROKERS` and `CONNECT_URL` name. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { KAFKA_BROKERS: brokers, CONNECT_URL: connectUrl } = process.env;
  if (brokers && connectUrl) {
    project.provide('kafka', { brokers, connectUrl });
    return undefined;
  }
  if (brokers || connectUrl) throw new Error('Set KAFKA_BROKERS and CONNECT_URL both, or neither');
  const kafka = await startKafka((line) => process.stderr.write(`${line}\n`));
  project.provide('kafka', { brokers: kafka.brokers, connectUrl: kafka.connectUrl });
  return kafka.stop;
}
