/**
 * Jobs that are done between requests: in each turn of the event loop one, and as many more as fit into a quarter of a
 * millisecond.
 * Most answers are equal byte for byte and take microseconds; one that is large holds up no more than itself.
 */
export interface ComparisonQueue {
  readonly length: number;
  add(job: () => void): void;
  /** Ends when every job is done. */
  drained(): Promise<void>;
}

const sliceMs = 0.25;

/** The caller bounds its length. A job that throws is reported and does not stop the others. */
export function createComparisonQueue(onFault: (error: unknown) => void): ComparisonQueue {
  const jobs: (() => void)[] = [];
  const waiting: (() => void)[] = [];
  let isRunning = false;

  function runSome(): void {
    const until = performance.now() + sliceMs;
    do {
      const job = jobs.shift();
      if (job === undefined) {
        isRunning = false;
        for (const resolve of waiting.splice(0)) {
          resolve();
        }
        return;
      }
      try {
        job();
      } catch (error) {
        onFault(error);
      }
    } while (performance.now() < until);
    setImmediate(runSome);
  }

  return {
    get length() {
      return jobs.length;
    },
    add(job) {
      jobs.push(job);
      if (!isRunning) {
        isRunning = true;
        setImmediate(runSome);
      }
    },
    async drained() {
      if (isRunning) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}
