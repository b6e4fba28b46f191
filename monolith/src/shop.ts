import type { Logger } from 'pino';
import type { Database } from './database.ts';
import type { Settings } from './settings.ts';

/** What every part of the shop is made of. */
export interface Shop {
  readonly database: Database;
  readonly settings: Settings;
  readonly log: Logger;
  /** Whether the process has been told to end: it then says that it is not ready. */
  readonly isStopping: () => boolean;
}
