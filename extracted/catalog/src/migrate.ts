import { applyMigrations, ConfigurationError, readConfiguration } from '@shop/chassis';
import { settings } from './settings.ts';

try {
  const { DATABASE_URL } = readConfiguration({ DATABASE_URL: settings.DATABASE_URL }, process.env);
  const applied = await applyMigrations(DATABASE_URL.reveal(), new URL('../prisma/migrations/', import.meta.url));
  console.log(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`);
} catch (error) {
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exitCode = 1;
}
