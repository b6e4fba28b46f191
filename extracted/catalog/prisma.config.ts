import { defineConfig } from 'prisma/config';

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // Not needed to generate the client, so a machine without a database can.
  datasource: { url: process.env.DATABASE_URL ?? '' },
});
