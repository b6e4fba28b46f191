import { defineConfig } from 'vitest/config';

/** `npm run test:debezium`: the suites of change data capture on real Kafka and Debezium, and what only they can fail at. */
export default defineConfig({
  test: {
    reporters: process.env.CI ? ['default', './tests/support/closing-line.ts'] : ['default'],
    globalSetup: ['stack/src/testing-setup.ts', 'stack/src/kafka/testing-setup.ts'],
    include: [
      'cdc/src/{stream,rows,ordering,dead-letters,faults,both-ways}.test.ts',
      'cdc/src/capture/debezium/*.kafka.test.ts',
    ],
    // Each stream has a connector, and each connector costs a Java process time.
    maxWorkers: 2,
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
