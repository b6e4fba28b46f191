/** Looks at one thing that the service needs; rejects with the reason when it is out of order. */
export type HealthCheck = () => Promise<void>;

/** What `/readyz` tells. */
export interface Readiness {
  readonly ready: boolean;
  /** Each check by name: `ok`, or why not. */
  readonly checks: Readonly<Record<string, string>>;
}

const CHECK_TIMEOUT_MS = 2_000;

/**
 * Makes the function behind `/readyz`. However many ask, each check runs once at a time, and none is waited for longer
 * than two seconds.
 */
export function createReadiness(
  checks: Readonly<Record<string, HealthCheck>>,
  isStopping: () => boolean,
): () => Promise<Readiness> {
  let running: Promise<[string, string][]> | undefined;
  const runAll = () =>
    Promise.all(
      Object.entries(checks).map(async ([name, check]): Promise<[string, string]> => [name, await run(check)]),
    );
  return async () => {
    running ??= runAll().finally(() => {
      running = undefined;
    });
    const results = Object.fromEntries(await running);
    const stopping = isStopping();
    const ready = !stopping && Object.values(results).every((result) => result === 'ok');
    return { ready, checks: { ...results, process: stopping ? 'stopping' : 'ok' } };
  };
}

async function run(check: HealthCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((done) => {
    timer = setTimeout(done, CHECK_TIMEOUT_MS, `no answer within ${CHECK_TIMEOUT_MS / 1000} s`);
  });
  const outcome = check().then(
    () => 'ok',
    (error: unknown) => (error instanceof Error && error.message !== '' ? error.message : 'failed'),
  );
  return Promise.race([outcome, late]).finally(() => clearTimeout(timer));
}
