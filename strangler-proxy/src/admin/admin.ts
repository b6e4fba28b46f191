import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Registry } from 'prom-client';
import type { UpstreamState } from '../forward/upstream-states.ts';
import type { Recording } from '../recording/recording.ts';
import type { Shadow } from '../shadow/index.ts';
import { createAccess, refuse } from './access.ts';
import { recordingRoutes } from './recording-routes.ts';
import { type AdminRoute, routesView } from './routes-view.ts';

/** What {@link createAdmin} takes. */
export interface AdminOptions {
  /** The declared routes as they are now; asked at every view. */
  readonly routes: () => readonly AdminRoute[];
  readonly shadow: Pick<Shadow, 'stats' | 'samples'>;
  /** The upstreams as they are now; asked at every view. */
  readonly upstreams?: () => readonly UpstreamState[];
  /** Takes recordings when a reader asks for one; without it none can be had. */
  readonly recording?: Recording;
  readonly registry: Registry;
  /** The public keys of what the proxy tells services; none by default. */
  readonly identityKeys?: (() => object) | undefined;
  /** Why the proxy is not ready; empty when it is. */
  readonly notReady?: () => readonly string[];
  /** What a reader should know although the proxy is ready: the flag server is out of reach, say. */
  readonly notices?: () => readonly string[];
  /** `STRANGLER_ADMIN_TOKEN`; without one only this machine may read. */
  readonly token?: string | undefined;
}

const page = join(import.meta.dirname, 'page');

const securityHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
} as const;

/**
 * The Express application for the proxy's admin port.
 *
 * For everyone: `/livez`, `/readyz`, `/metrics`, `/.well-known/jwks.json`. For readers: the page at `/`, `/api/routes` and
 * `/api/samples/:capability/:route`, and recordings under `/api/recording`. Nothing here changes what the proxy answers.
 */
export function createAdmin(options: AdminOptions): Express {
  const access = createAccess(options.token);
  const app = express();
  app.disable('x-powered-by');
  app.use((_request, response, next) => {
    response.set(securityHeaders);
    next();
  });

  app.get('/livez', (_request, response) => {
    response.json({ status: 'live' });
  });
  app.get('/readyz', (_request, response) => {
    const reasons = options.notReady?.() ?? [];
    response.status(reasons.length === 0 ? 200 : 503);
    response.json({
      status: reasons.length === 0 ? 'ready' : 'not ready',
      reasons,
      notices: options.notices?.() ?? [],
    });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(options.registry.contentType).send(await options.registry.metrics());
  });

  // For services, which have no token: there is nothing secret in it. They come again for a key that they do not know.
  const { identityKeys } = options;
  if (identityKeys !== undefined) {
    app.get('/.well-known/jwks.json', (_request, response) => {
      response.set('Cache-Control', 'public, max-age=300').type('application/jwk-set+json');
      response.send(JSON.stringify(identityKeys()));
    });
  }

  for (const name of ['page.css', 'page.js', 'sample.js', 'dom.js', 'icon.svg']) {
    const content = readPageFile(name);
    app.get(`/${name}`, (_request, response) => {
      // Express makes an entity tag; a browser that asks again gets a 304.
      response.set('Cache-Control', 'no-cache').type(name).send(content);
    });
  }
  app.get('/login', (_request, response) => {
    response.type('html').send(loginPage(''));
  });
  app.post('/login', express.urlencoded({ extended: false, limit: '4kb' }), (request, response) => {
    const given: unknown = request.body?.token;
    const cookie = access.signIn(typeof given === 'string' ? given.trim() : '', request.secure);
    if (cookie === undefined) {
      response.status(401).type('html').send(loginPage('That is not the token of this proxy.'));
      return;
    }
    response.set('Set-Cookie', cookie).redirect(303, '/');
  });
  app.post('/logout', (_request, response) => {
    response.set('Set-Cookie', access.signOut).redirect(303, '/login');
  });

  app.use((request, response, next) => access.guard(request, response, next));
  app.get('/', (_request, response) => {
    const html = readPageFile('index.html');
    response.type('html').send(access.isTokenSet ? html.replace('data-sign-out hidden', 'data-sign-out') : html);
  });
  app.get('/api/routes', (_request, response) => {
    response.json(routesView(options.routes(), options.upstreams?.() ?? [], options.shadow, options.notices?.() ?? []));
  });
  app.get('/api/samples/:capability/:route', (request, response) => {
    const { capability, route } = request.params;
    if (!options.routes().some((known) => known.capability === capability && known.id === route)) {
      refuse(response, 404, 'route-unknown', 'No migration declares this route');
      return;
    }
    response.json({ capability, route, groups: options.shadow.samples(capability, route) });
  });
  if (options.recording !== undefined) {
    app.use('/api/recording', recordingRoutes(options.recording, options.routes));
  }
  app.use((_request, response) => {
    refuse(response, 404, 'not-found', 'There is nothing here');
  });
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const { status } = error as { status?: unknown };
    const isClients = typeof status === 'number' && status >= 400 && status < 500;
    refuse(response, isClients ? status : 500, isClients ? 'request-malformed' : 'admin-fault', 'This request failed');
  });
  return app;
}

function readPageFile(name: string): string {
  return readFileSync(join(page, name), 'utf8');
}

function loginPage(error: string): string {
  return readPageFile('login.html').replace(
    '<p role="alert" hidden></p>',
    error === '' ? '' : `<p role="alert">${error}</p>`,
  );
}
