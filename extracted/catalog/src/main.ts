import { ConfigurationError, createLogger, readConfiguration, stopOnSignals } from '@shop/chassis';
import { startCatalog } from './catalog.ts';
import { settings } from './settings.ts';

try {
  const configuration = readConfiguration(settings, process.env);
  const log = createLogger('catalog', configuration.LOG_LEVEL);
  stopOnSignals(await startCatalog(configuration, log));
} catch (error) {
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exitCode = 1;
}
