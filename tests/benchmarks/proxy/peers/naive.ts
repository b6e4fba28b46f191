/**
 * The features of strangler-proxy, built on Express and http-proxy-middleware in the straightforward way: route match,
 * sticky flag, request id, forwarding headers, metrics by name, a pino line per request.
 */
import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import pino from 'pino';
import { Counter, Histogram } from 'prom-client';
import { initialize } from 'unleash-client';

const target = process.env.UPSTREAM ?? '';
const unleash = initialize({ appName: 'naive', url: process.env.UNLEASH_URL ?? '', disableMetrics: true });
await new Promise((ready) => unleash.once('synchronized', ready));
const log = pino();
const labels = ['route', 'upstream', 'status'];
const requests = new Counter({ name: 'requests_total', help: 'Requests.', labelNames: labels });
const seconds = new Histogram({ name: 'request_seconds', help: 'Their duration.', labelNames: labels });

const app = express();
const forward = createProxyMiddleware<express.Request>({
  target,
  agent: new Agent({ keepAlive: true }),
  xfwd: true,
  router: (request) => {
    const sessionId = /strangler_visitor=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? randomUUID();
    const byService = unleash.isEnabled(`bench.${request.app.locals.route}.serve`, { sessionId });
    return byService ? (process.env.SERVICE ?? target) : target;
  },
});
const observe =
  (route: string): express.RequestHandler =>
  (request, response, next) => {
    const began = performance.now();
    request.app.locals.route = route;
    request.headers['x-request-id'] = randomUUID();
    response.setHeader('x-served-by', 'monolith');
    response.on('finish', () => {
      const ms = performance.now() - began;
      const values = { route, upstream: 'monolith', status: String(response.statusCode) };
      requests.inc(values);
      seconds.observe(values, ms / 1_000);
      log.info({ ...values, method: request.method, path: request.path, duration_ms: ms }, 'request');
    });
    next();
  };
app.get('/api/products', observe('list'), forward);
app.get('/api/products/:id', observe('product'), forward);
app.get('/api/search', observe('search'), forward);
app.get('/api/categories', observe('categories'), forward);
app.get('/api/categories/:code', observe('category'), forward);
app.post('/api/admin/products', observe('create'), forward);
app.put('/api/admin/products/:id', observe('update'), forward);
app.use(observe('undeclared'), forward);
app.listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('ready\n'));
