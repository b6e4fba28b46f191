import { type Dispatcher, Pool } from 'undici';
import { type Circuit, createCircuit } from '../circuit.ts';

/** One process that serves an upstream. */
export interface Instance {
  /** `http://127.0.0.1:4000` */
  readonly origin: string;
  /** Name for TLS (SNI and the certificate), whatever the client's Host says; undefined for plain HTTP. */
  readonly servername: string | undefined;
  /** A pool of connections. Requests are never pipelined, and never wait for each other. */
  readonly dispatcher: Dispatcher;
  /** Open: the instance is ejected, it gets no request but a probe now and then. */
  readonly circuit: Circuit;
  /** What the active check said last; true where there is none, and before the first. */
  isHealthy: boolean;
  /** Requests under way now, upgrades included, shadows not. */
  inFlight: number;
}

/** How the instances of one upstream are reached. */
export interface InstanceLimits {
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly failures: number;
  readonly ejectMs: number;
}

/** Answers with a head larger than this are refused; four times Node's default, so that we are not the narrowest. */
const ANSWER_HEAD_BYTES_MAX = 64 * 1024;
/** Above it an instance is ejected even though some of its answers are good. */
const FAILURE_SHARE_MAX = 0.4;
/** However often its probes fail, an instance is tried again after this long. */
const EJECT_MS_MAX = 60_000;

/** Opens no connection yet. @param url scheme, host and port */
export function openInstance(url: string, limits: InstanceLimits): Instance {
  const { protocol, hostname, origin } = new URL(url);
  const dispatcher = new Pool(origin, {
    connectTimeout: limits.connectTimeoutMs,
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.idleTimeoutMs,
    maxHeaderSize: ANSWER_HEAD_BYTES_MAX,
    // HTTP/2 would lose the reason phrase and the case of names, and has no upgrade.
    allowH2: false,
    pipelining: 1,
  });
  const circuit = createCircuit({
    failures: limits.failures,
    failureShareMax: FAILURE_SHARE_MAX,
    openMs: limits.ejectMs,
    openMsMax: Math.max(limits.ejectMs, EJECT_MS_MAX),
    now: () => performance.now(),
  });
  return {
    origin,
    servername: protocol === 'https:' ? hostname : undefined,
    dispatcher,
    circuit,
    isHealthy: true,
    inFlight: 0,
  };
}

/** The word for how an instance is, for logs, metrics and pages. */
export function instanceState({ circuit, isHealthy }: Instance): InstanceState {
  if (circuit.state === 'open') return 'ejected';
  if (!isHealthy) return 'unhealthy';
  return circuit.state === 'half-open' ? 'probing' : 'available';
}

/**
 * `available`; `ejected`: it failed too often and is left alone for a while; `probing`: that while is over, and one
 * request at a time may show whether it is back; `unhealthy`: its active check fails.
 */
export type InstanceState = (typeof INSTANCE_STATES)[number];

export const INSTANCE_STATES = ['available', 'probing', 'ejected', 'unhealthy'] as const;
