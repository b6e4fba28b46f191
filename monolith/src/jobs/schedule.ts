import { sendQueued } from '../notifications/notifications.ts';
import type { Shop } from '../shop.ts';
import { reprice } from './reprice.ts';

const MAIL_SECONDS = 15;
const CLEANING_SECONDS = 3_600;

/** Starts the shop's own jobs; the function that it gives stops them and waits for one that is running. */
export function startJobs({ database, settings, log }: Shop): () => Promise<void> {
  const jobs = [
    every(MAIL_SECONDS, 'mail', () => sendQueued(database, log)),
    every(CLEANING_SECONDS, 'forget sessions', () => forgetSessions()),
  ];
  if (settings.repriceIntervalSeconds > 0) {
    jobs.push(every(settings.repriceIntervalSeconds, 'reprice', () => reprice(database.pool)));
  }
  return async () => {
    await Promise.all(jobs.map((stop) => stop()));
  };

  async function forgetSessions(): Promise<number> {
    const expired = await database.pool.query(`DELETE FROM sess WHERE exp_dt < now() AT TIME ZONE 'UTC'`);
    await database.pool.query('DELETE FROM crt WHERE sid IS NOT NULL AND sid NOT IN (SELECT sid FROM sess)');
    return expired.rowCount ?? 0;
  }

  function every(seconds: number, name: string, job: () => Promise<number>): () => Promise<void> {
    let running: Promise<void> = Promise.resolve();
    let isRunning = false;
    const timer = setInterval(() => {
      if (isRunning) return;
      isRunning = true;
      running = job()
        .then(
          (count) => log.debug({ job: name, count }, 'a job is done'),
          (error) => log.warn({ job: name, err: error }, 'a job failed and will be tried again at its next time'),
        )
        .finally(() => {
          isRunning = false;
        });
    }, seconds * 1_000);
    return () => {
      clearInterval(timer);
      return running;
    };
  }
}
