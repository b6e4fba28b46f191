/** What tests of every room may use: real parts, started for them. */

export { freePort } from './free-port.ts';
export { type Kafka, startKafka } from './kafka/kafka.ts';
export { createDatabase, type TestDatabase } from './test-database.ts';
export { startUnleash, type TestUnleash } from './test-unleash.ts';
