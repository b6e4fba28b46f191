import type { Server } from 'node:http';
import express from 'express';
import { collectMetrics } from './metrics.ts';
import type { Monitor, StreamStatus } from './monitor.ts';

/**
 * `/livez`: the process answers. `/readyz`: every stream streams, or waits for its turn; else 503 with the reasons.
 * `/status`: all streams as JSON. `/metrics`: the same for Prometheus.
 *
 * @throws Error when the port is taken.
 */
export function startStatusServer(monitors: () => readonly Monitor[], host: string, port: number): Promise<Server> {
  const streams = () => monitors().map((monitor) => monitor.status());
  const metrics = collectMetrics(streams);
  const app = express().disable('x-powered-by');
  app.get('/livez', (_request, response) => {
    response.json({ status: 'ok' });
  });
  app.get('/readyz', (_request, response) => {
    const reasons = streams().flatMap(unready);
    response.status(reasons.length > 0 ? 503 : 200).json({ status: reasons.length > 0 ? 'unready' : 'ok', reasons });
  });
  app.get('/status', (_request, response) => {
    response.json({ streams: streams() });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.metrics());
  });
  return new Promise((done, fail) => {
    const server = app.listen(port, host, (error?: Error) => (error ? fail(error) : done(server)));
  });
}

/** A second instance that waits is ready: an orchestrator ends the first only once it is. */
function unready({ capability, direction, state, reason }: StreamStatus) {
  if (state === 'streaming' || state === 'waiting' || state === 'retired') return [];
  return [{ capability, direction, state, reason: reason?.what ?? null }];
}
