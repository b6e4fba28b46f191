import { defineConfig } from 'vitest/config';

const rooms = ['monolith', 'extracted', 'migrations', 'strangler-proxy', 'cdc', 'stack'];

export default defineConfig({
  test: {
    // One PostgreSQL server for the whole run; each test file makes databases of its own in it.
    globalSetup: ['stack/src/testing-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'unit', include: rooms.map((room) => `${room}/**/*.test.ts`) } },
      {
        extends: true,
        // The end-to-end tests start the whole system: one file at a time on two cores.
        test: { name: 'e2e', include: ['tests/**/*.test.ts'], fileParallelism: false, testTimeout: 120_000 },
      },
    ],
  },
});
