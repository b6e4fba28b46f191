import { METHODS } from 'node:http';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** A service's metrics: rate, errors and duration per route, and those of the process. */
export interface Metrics {
  readonly registry: Registry;
  /** Counts one request. `route` is a template of the service's document, or undefined where none matched. */
  observe(method: string, route: string | undefined, status: number, seconds: number): void;
}

/** Metrics in a registry of their own. Names and labels are those of OpenTelemetry's HTTP conventions. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'How long requests took to answer, by route template.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return {
    registry,
    observe: (method, route, status, seconds) => {
      // A client chooses the method and the path: neither may make a label of its own.
      const known = METHODS.includes(method) ? method : '_OTHER';
      duration.labels(known, route ?? 'unmatched', String(status)).observe(seconds);
    },
  };
}
