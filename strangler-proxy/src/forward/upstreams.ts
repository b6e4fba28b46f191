import type { Refusal } from '../errors.ts';
import { type HealthChecks, startHealthChecks } from './health-checks.ts';
import { type EngineName, type Instance, openInstance } from './instances.ts';

/** How one upstream is reached; a bare string is its address with every default. */
export interface UpstreamOptions {
  /** `http://127.0.0.1:4000`: scheme, host and port, nothing else. Several instances with commas between them. */
  readonly url: string;
  /** How long a connection may take to be made. Default 3 s. */
  readonly connectTimeoutMs?: number;
  /**
   * How long the head of an answer may take. Default 120 s for the monolith, whose slow pages worked before, and 10 s for
   * a service, as its reads can fall back.
   */
  readonly headersTimeoutMs?: number;
  /** How long the body of an answer may stand still while we are ready to take more. Default 300 s. */
  readonly idleTimeoutMs?: number;
  /** How long a request may take in all, its answer included. Default 0: as long as it moves. */
  readonly totalTimeoutMs?: number;
  /** How many requests may be under way at once; the next is answered 503. Default 1,000. */
  readonly inFlightMax?: number;
  /** Consecutive failures after which an instance is ejected. Default 5. */
  readonly failuresMax?: number;
  /** How long an ejected instance is left alone at first; each probe that fails doubles it, up to 60 s. Default 5 s. */
  readonly ejectMs?: number;
  /** Where an instance says that it is well: `/readyz`. Default none: only traffic tells. */
  readonly healthPath?: string;
  /** How often it is asked. Default 2 s. */
  readonly healthIntervalMs?: number;
  /** What carries its requests. Default `http1`; an https address is always carried by `undici`. */
  readonly engine?: EngineName;
  /**
   * Of a service: whether its cookies have names of their own at the client, so that they and the monolith's cannot take
   * each other's place, or are `shared`. Default `own`. The monolith's are what they are.
   */
  readonly cookies?: 'own' | 'shared';
}

/** One HTTP destination: the monolith or a service. */
export interface Upstream {
  /** `monolith`, or the service's name: what `X-Served-By`, the log and the metrics say. */
  readonly name: string;
  /** One at least. */
  readonly instances: readonly Instance[];
  readonly inFlightMax: number;
  /** 0: unbounded. */
  readonly totalTimeoutMs: number;
  /** Whether it answers 503 at once while all of its instances are ejected and nobody else can serve. */
  readonly failsFast: boolean;
  /** Whether its cookies have names of their own at the client. */
  readonly ownCookies: boolean;
  /** Requests under way now, upgrades included, shadows not. */
  inFlight: number;
  /** Whose turn it is among instances with equally many requests under way. */
  turn: number;
  /** Requests that were not let in since the start, by cause. */
  readonly refused: Record<Refusal, number>;
  /** Requests that were sent to an instance after another had failed, since the start. */
  secondTries: number;
}

/** All upstreams by their names. */
export interface Upstreams {
  /** @throws Error when there is no upstream of this name: the start has checked every name that a request can lead to. */
  get(name: string): Upstream;
  has(name: string): boolean;
  readonly names: readonly string[];
  /** Lets requests under way end, then closes every connection. */
  close(): Promise<void>;
  /** Ends every connection at once. */
  destroy(): Promise<void>;
}

/** The upstream that everything undeclared goes to. */
export const MONOLITH = 'monolith';

/** Opens no connection yet, but for health checks. @throws Error naming every address that is not one. */
export function createUpstreams(addresses: Readonly<Record<string, string | UpstreamOptions>>): Upstreams {
  const faults = Object.entries(addresses).flatMap(([name, address]) => addressFault(name, optionsOf(address).url));
  if (addresses[MONOLITH] === undefined) faults.push('upstream monolith is missing: say where the monolith is');
  if (faults.length > 0) throw new Error(faults.join('\n'));

  const upstreams = new Map(Object.entries(addresses).map(([name, address]) => [name, open(name, optionsOf(address))]));
  const instances = [...upstreams.values()].flatMap((upstream) => upstream.instances);
  const checks = Object.entries(addresses).flatMap(([name, address]) => checksOf(upstreams.get(name), address));
  const stopChecks = () => {
    for (const check of checks) check.stop();
  };
  let closed: Promise<unknown> | undefined;
  return {
    names: [...upstreams.keys()],
    has: (name) => upstreams.has(name),
    get(name) {
      const upstream = upstreams.get(name);
      if (upstream === undefined) throw new Error(`There is no upstream called ${name}`);
      return upstream;
    },
    async close() {
      stopChecks();
      closed ??= Promise.all(instances.map(({ engine }) => engine.close()));
      await closed;
    },
    async destroy() {
      stopChecks();
      const destroyed = Promise.all(instances.map(({ engine }) => engine.destroy()));
      closed ??= destroyed;
      await destroyed;
    },
  };
}

/** Why this cannot be the address of an upstream; empty if it can. */
export function addressFault(name: string, address: string): string[] {
  const urls = urlsOf(address);
  const twice = urls.find((url, i) => urls.indexOf(url) < i);
  const faults = twice === undefined ? [] : [`upstream ${name} names ${twice} twice: each instance once`];
  return [...faults, ...[...new Set(urls)].flatMap((url) => instanceFault(name, url))];
}

function instanceFault(name: string, address: string): string[] {
  const parsed = URL.parse(address);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    return [`upstream ${name} is no URL: ${JSON.stringify(address)}; it has to look like http://127.0.0.1:4000`];
  }
  if (parsed.username !== '' || parsed.pathname !== '/' || parsed.search !== '' || parsed.hash !== '') {
    return [
      `upstream ${name} may only be scheme, host and port: the path comes from the request. Use ${parsed.origin}`,
    ];
  }
  return [];
}

function open(name: string, options: UpstreamOptions): Upstream {
  const limits = {
    connectTimeoutMs: options.connectTimeoutMs ?? 3_000,
    headersTimeoutMs: options.headersTimeoutMs ?? (name === MONOLITH ? 120_000 : 10_000),
    idleTimeoutMs: options.idleTimeoutMs ?? 300_000,
    failures: options.failuresMax ?? 5,
    ejectMs: options.ejectMs ?? 5_000,
    engine: options.engine ?? 'http1',
  };
  return {
    name,
    instances: urlsOf(options.url).map((url) => openInstance(url, limits)),
    inFlightMax: options.inFlightMax ?? 1_000,
    totalTimeoutMs: options.totalTimeoutMs ?? 0,
    failsFast: name !== MONOLITH,
    ownCookies: name !== MONOLITH && options.cookies !== 'shared',
    inFlight: 0,
    turn: 0,
    refused: { 'upstream-busy': 0, 'upstream-circuit-open': 0 },
    secondTries: 0,
  };
}

function checksOf(upstream: Upstream | undefined, address: string | UpstreamOptions): HealthChecks[] {
  const { healthPath, healthIntervalMs = 2_000 } = optionsOf(address);
  if (upstream === undefined || healthPath === undefined) return [];
  return upstream.instances.map((instance) => startHealthChecks(instance, healthPath, healthIntervalMs));
}

function urlsOf(address: string): string[] {
  return address.split(',').map((url) => url.trim());
}

function optionsOf(address: string | UpstreamOptions): UpstreamOptions {
  return typeof address === 'string' ? { url: address } : address;
}
