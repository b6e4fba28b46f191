import express, { Router } from 'express';
import * as z from 'zod';
import { type Recording, recordingBounds } from '../recording/recording.ts';
import { refuse } from './access.ts';
import type { AdminRoute } from './routes-view.ts';

const ORDER = z.object({
  seconds: z
    .number()
    .positive()
    .max(recordingBounds.milliseconds / 1000)
    .default(60),
  exchanges: z.number().int().positive().max(recordingBounds.exchanges).default(1_000),
  routes: z.array(z.string()).max(1_000).default([]),
});

/**
 * `POST /` starts a recording, `POST /stop` ends it, `GET /` says how it stands, and `GET /har` gives it away. What
 * changes something takes JSON only: a form on somebody else's page cannot send that.
 */
export function recordingRoutes(recording: Recording, routes: () => readonly AdminRoute[]): Router {
  const router = Router();
  router.get('/', (_request, response) => {
    response.json(recording.state());
  });
  router.get('/har', (_request, response) => {
    response.type('application/json').send(JSON.stringify(recording.har()));
  });
  router.post(/.*/, (request, response, next) => {
    if (request.is('application/json')) {
      next();
    } else {
      refuse(response, 415, 'content-type-wrong', 'Send JSON: Content-Type: application/json');
    }
  });
  router.post('/stop', (_request, response) => {
    recording.stop();
    response.json(recording.state());
  });
  router.post('/', express.json({ limit: '64kb' }), (request, response) => {
    const order = ORDER.safeParse(request.body);
    if (!order.success) {
      refuse(response, 400, 'recording-malformed', z.prettifyError(order.error));
      return;
    }
    const known = new Set(routes().flatMap(({ capability, id }) => [capability, `${capability}.${id}`]));
    const unknown = order.data.routes.filter((name) => !known.has(name));
    if (unknown.length > 0) {
      refuse(response, 404, 'route-unknown', `No migration declares ${unknown.join(', ')}`);
      return;
    }
    if (recording.isRunning) {
      refuse(response, 409, 'recording-running', 'A recording is under way: stop it first, or wait for its end');
      return;
    }
    const { seconds, exchanges } = order.data;
    recording.start({ milliseconds: seconds * 1000, exchanges, routes: order.data.routes });
    response.status(201).json(recording.state());
  });
  return router;
}
