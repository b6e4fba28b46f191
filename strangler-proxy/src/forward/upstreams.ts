import type { Dispatcher } from 'undici';
import { Pool } from 'undici';

/** How one upstream is reached; a bare string is its URL with every default. */
export interface UpstreamOptions {
  /** `http://127.0.0.1:4000`: scheme, host and port, nothing else. */
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
  /** How many requests may be under way at once; the next is answered 503. Default 1,000. */
  readonly inFlightMax?: number;
}

/** One HTTP destination: the monolith or a service. */
export interface Upstream {
  /** `monolith`, or the service's name: what `X-Served-By`, the log and the metrics say. */
  readonly name: string;
  /** `http://127.0.0.1:4000` */
  readonly origin: string;
  /** Name for TLS (SNI and the certificate), whatever the client's Host says; undefined for plain HTTP. */
  readonly servername: string | undefined;
  /** A pool of connections. Requests are never pipelined, and never wait for each other: `inFlightMax` is the bound. */
  readonly dispatcher: Dispatcher;
  readonly inFlightMax: number;
  /** Requests under way now, upgrades included, shadows not. */
  inFlight: number;
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

/** Answers with a head larger than this are refused; four times Node's default, so that we are not the narrowest. */
const ANSWER_HEAD_BYTES_MAX = 64 * 1024;

/** Opens no connection yet. @throws Error naming every address that is not one. */
export function createUpstreams(addresses: Readonly<Record<string, string | UpstreamOptions>>): Upstreams {
  const faults = Object.entries(addresses).flatMap(([name, address]) => addressFault(name, urlOf(address)));
  if (addresses[MONOLITH] === undefined) faults.push('upstream monolith is missing: say where the monolith is');
  if (faults.length > 0) throw new Error(faults.join('\n'));

  const upstreams = new Map(Object.entries(addresses).map(([name, address]) => [name, open(name, address)]));
  const all = [...upstreams.values()];
  return {
    names: [...upstreams.keys()],
    has: (name) => upstreams.has(name),
    get(name) {
      const upstream = upstreams.get(name);
      if (upstream === undefined) throw new Error(`There is no upstream called ${name}`);
      return upstream;
    },
    async close() {
      await Promise.all(all.map((upstream) => upstream.dispatcher.close()));
    },
    async destroy() {
      await Promise.all(all.map((upstream) => upstream.dispatcher.destroy()));
    },
  };
}

/** Why this cannot be the address of an upstream; empty if it can. */
export function addressFault(name: string, address: string): string[] {
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

function open(name: string, address: string | UpstreamOptions): Upstream {
  const options: UpstreamOptions = typeof address === 'string' ? { url: address } : address;
  const { protocol, hostname, origin } = new URL(options.url);
  const dispatcher = new Pool(origin, {
    connectTimeout: options.connectTimeoutMs ?? 3_000,
    headersTimeout: options.headersTimeoutMs ?? (name === MONOLITH ? 120_000 : 10_000),
    bodyTimeout: options.idleTimeoutMs ?? 300_000,
    maxHeaderSize: ANSWER_HEAD_BYTES_MAX,
    // HTTP/2 would lose the reason phrase and the case of names, and has no upgrade.
    allowH2: false,
    pipelining: 1,
  });
  return {
    name,
    origin,
    servername: protocol === 'https:' ? hostname : undefined,
    dispatcher,
    inFlightMax: options.inFlightMax ?? 1_000,
    inFlight: 0,
  };
}

function urlOf(address: string | UpstreamOptions): string {
  return typeof address === 'string' ? address : address.url;
}
