import { type Circuit, createCircuit } from '../circuit.ts';
import type { Engine, EngineLimits } from './engine.ts';
import { createHttp1Engine } from './http1/http1-engine.ts';
import { createUndiciEngine } from './undici-engine.ts';

/** One process that serves an upstream. */
export interface Instance {
  /** `http://127.0.0.1:4000` */
  readonly origin: string;
  /** A pool of connections. Requests are never pipelined, and never wait for each other. */
  readonly engine: Engine;
  /** Open: the instance is ejected, it gets no request but a probe now and then. */
  readonly circuit: Circuit;
  /** What the active check said last; true where there is none, and before the first. */
  isHealthy: boolean;
  /** Requests under way now, upgrades included, shadows not. */
  inFlight: number;
}

/** How the instances of one upstream are reached. */
export interface InstanceLimits extends EngineLimits {
  readonly engine: EngineName;
  readonly failures: number;
  readonly ejectMs: number;
}

/** `http1`: our own client, for plain HTTP. `undici`: always used where the address is https. */
export const ENGINES = ['http1', 'undici'] as const;
export type EngineName = (typeof ENGINES)[number];

/** Above it an instance is ejected even though some of its answers are good. */
const FAILURE_SHARE_MAX = 0.4;
/** However often its probes fail, an instance is tried again after this long. */
const EJECT_MS_MAX = 60_000;

/** Opens no connection yet. @param url scheme, host and port */
export function openInstance(url: string, limits: InstanceLimits): Instance {
  const { protocol, hostname, origin } = new URL(url);
  const isSecure = protocol === 'https:';
  const engine =
    isSecure || limits.engine === 'undici'
      ? createUndiciEngine(origin, isSecure ? hostname : undefined, limits)
      : createHttp1Engine(origin, limits);
  const circuit = createCircuit({
    failures: limits.failures,
    failureShareMax: FAILURE_SHARE_MAX,
    openMs: limits.ejectMs,
    openMsMax: Math.max(limits.ejectMs, EJECT_MS_MAX),
    now: () => performance.now(),
  });
  return {
    origin,
    engine,
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
