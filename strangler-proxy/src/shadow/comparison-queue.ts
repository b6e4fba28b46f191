/** Jobs that are done one per turn of the event loop, so that requests are served between two of them. */
export interface ComparisonQueue {
  readonly length: number;
  add(job: () => void): void;
  /** Ends when every job is done. */
  drained(): Promise<void>;
}

/** The caller bounds its length. A job that throws is reported and does not stop the others. */
export function createComparisonQueue(onFault: (error: unknown) => void): ComparisonQueue {
  const jobs: (() => void)[] = [];
  const waiting: (() => void)[] = [];
  let isRunning = false;

  function runNext(): void {
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
    setImmediate(runNext);
  }

  return {
    get length() {
      return jobs.length;
    },
    add(job) {
      jobs.push(job);
      if (!isRunning) {
        isRunning = true;
        setImmediate(runNext);
      }
    },
    async drained() {
      if (isRunning) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}
