/** Express with http-proxy-middleware and a keep-alive agent: what most teams would put there first. */
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const app = express();
app.use(createProxyMiddleware({ target: process.env.UPSTREAM ?? '', agent: new Agent({ keepAlive: true }) }));
app.listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('ready\n'));
