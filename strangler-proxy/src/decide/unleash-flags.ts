import type { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Unleash, UnleashEvents } from 'unleash-client';
import type { Logger } from '../logger.ts';
import type { Flags } from './flags.ts';
import { faultOf, readKept, writeKept } from './kept-flags.ts';
import { type SaidFlags, stillFlags } from './still-flags.ts';

/** Where the flags come from. */
export interface UnleashFlagsOptions {
  /** The server's API: `http://127.0.0.1:4242/api`. */
  readonly url: string;
  /** A backend client token. */
  readonly token: string;
  /** Folder for what the server said last, so that a start without it changes nothing. Made if it is missing. */
  readonly stateFolder: string;
  /** Default 250 ms: Unleash itself looks for changes once a second, and a flip should not wait as long again for us. */
  readonly pollIntervalMs?: number;
  readonly logger: Logger;
}

const LOG_INTERVAL_MS = 60_000;
/** The client stops polling for good when its token is refused. The token may be made later than we start. */
const REFUSED_RETRY_MS = 10_000;
const METRICS_INTERVAL_MS = 10_000;
/** The answer is nearly always an empty 304. */
const POLL_INTERVAL_MS = 250;
const POLL_TIMEOUT_MS = 3_000;

/**
 * Flags of an Unleash server, polled. Whatever happens to the server, the last answer holds; it is kept on disk, and
 * where there never was one every flag is off.
 *
 * Resolves once the flags are known, from the server or from disk, or after `startTimeoutMs`: a missing server must not
 * keep the proxy from starting.
 */
export async function unleashFlags(options: UnleashFlagsOptions, startTimeoutMs = 1_500): Promise<Flags> {
  const { logger } = options;
  const listeners = new Set<() => void>();
  const file = join(options.stateFolder, 'flags.json');
  let known = false;
  /** What evaluates: the last answer that could be believed. */
  let believed = stillFlags({ features: [] });
  let error: string | undefined;
  /** Why the server's present answer is not believed. */
  let disbelief: string | undefined;
  let loggedAt = Number.NEGATIVE_INFINITY;
  let retry: NodeJS.Timeout | undefined;
  mkdirSync(options.stateFolder, { recursive: true });
  // Read here, as the client forgets what is kept once the server has said anything, a lie too.
  const kept = await readKept(file).catch((cause) => {
    failed(cause);
    return undefined;
  });
  if (kept !== undefined) believe(kept);

  /** Hears the server. */
  let current = open();
  /** Polls: the same client, but while a new one that replaces it has not heard anything yet. */
  let polling = current;
  const settled = Promise.withResolvers<void>();

  void polling.start().catch(failed).then(settled.resolve);
  const deadline = setTimeout(settled.resolve, startTimeoutMs);
  await settled.promise;
  clearTimeout(deadline);

  return {
    outcome: (flag) => believed.outcome(flag),
    share: (flag) => believed.share(flag),
    isEnabled(flag, stickyKey) {
      if (!known) return false;
      try {
        const enabled = believed.isEnabled(flag, stickyKey);
        current.count(flag, enabled);
        return enabled;
      } catch (cause) {
        failed(cause);
        return false;
      }
    },
    count(flag, enabled) {
      current.count(flag, enabled);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    status() {
      const trouble = disbelief ?? error;
      return { state: !known ? 'none' : trouble === undefined ? 'fresh' : 'kept', error: trouble };
    },
    close() {
      clearTimeout(retry);
      if (polling !== current) end(polling);
      end(current);
      believed.close();
    },
  };

  function open(): Unleash {
    const client = new Unleash({
      appName: 'strangler-proxy',
      url: options.url,
      customHeaders: { Authorization: options.token },
      refreshInterval: options.pollIntervalMs ?? POLL_INTERVAL_MS,
      metricsInterval: METRICS_INTERVAL_MS,
      timeout: POLL_TIMEOUT_MS,
      storageProvider: { get: async () => undefined, set: (_key, said) => keep(said as unknown as SaidFlags) },
      disableAutoStart: true,
      skipInstanceCountWarning: true,
    });
    client.on(UnleashEvents.Ready, hear);
    client.on(UnleashEvents.Changed, () => {
      error = undefined;
      hear();
    });
    client.on(UnleashEvents.Unchanged, () => {
      error = undefined;
    });
    client.on(UnleashEvents.Error, failed);
    client.on(UnleashEvents.Warn, (warning: unknown) => {
      // About one flag, not about the server.
      if (/^Missing (?:strategy|dependency)/.test(String(warning)))
        log(String(warning), 'A flag says what nobody here knows');
      else failed(warning);
    });
    return client;
  }

  /** Takes what the server says now, unless it cannot be meant. */
  function hear(): void {
    const said = saidBy(current);
    disbelief = faultOf(said.features, known);
    if (disbelief === undefined) believe(said);
    else log(disbelief, 'The flag server says what cannot be believed: what it said before holds');
  }

  function believe(said: SaidFlags): void {
    if (said.features.length > 0) known = true;
    believed.close();
    believed = stillFlags(said);
    for (const listener of listeners) listener();
  }

  /** A full disk is told of, and costs nothing else. */
  async function keep(said: SaidFlags): Promise<void> {
    if (faultOf(said.features, known) === undefined) await writeKept(file, said).catch(failed);
  }

  function failed(cause: unknown): void {
    error = cause instanceof Error ? cause.message : String(cause);
    if (/not allowed to connect/.test(error)) startAgain();
    log(error, 'Trouble with the flag server: what it said last holds');
  }

  function log(trouble: string, message: string): void {
    if (performance.now() - loggedAt < LOG_INTERVAL_MS) return;
    loggedAt = performance.now();
    logger.warn({ error: trouble }, message);
  }

  function startAgain(): void {
    clearTimeout(retry);
    retry = setTimeout(() => {
      if (polling !== current) end(polling);
      const next = open();
      polling = next;
      next.once(UnleashEvents.Ready, () => {
        end(current);
        current = next;
        hear();
      });
      void next.start().catch(failed);
    }, REFUSED_RETRY_MS).unref();
  }
}

/** A poll under way may fail after the client has let go of its listeners, and an error that nobody hears ends Node. */
function end(client: Unleash): void {
  client.destroy();
  (client as unknown as { repository: EventEmitter }).repository.on('error', () => {});
}

/** The flags as the client has them, with the segments that they name. */
function saidBy(client: Unleash): SaidFlags {
  const features = client.getFeatureToggleDefinitions();
  const { repository } = client as unknown as { repository: { getSegment(id: number): { id: number } | undefined } };
  const named = features.flatMap((flag) => (Array.isArray(flag?.strategies) ? flag.strategies : []));
  const ids = new Set(named.flatMap((strategy) => (Array.isArray(strategy?.segments) ? strategy.segments : [])));
  return { features, segments: [...ids].flatMap((id) => repository.getSegment(id) ?? []) };
}
