import { defineConfig } from 'vitest/config';

const rooms = ['monolith', 'extracted', 'migrations', 'strangler-proxy', 'cdc', 'stack'];

export default defineConfig({
  test: {
    reporters: process.env.CI ? ['default', './tests/support/closing-line.ts'] : ['default'],
    // One PostgreSQL server for the whole run; each test file makes databases of its own in it.
    globalSetup: ['stack/src/testing-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: rooms.map((room) => `${room}/**/*.test.ts`),
          // What needs Kafka is run by `npm run test:debezium`.
          exclude: ['**/node_modules/**', '**/*.kafka.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['tests/**/*.test.ts'],
          // The end-to-end tests start the whole system: after the others, and one file at a time.
          sequence: { groupOrder: 1 },
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
