/** strangler-proxy with the first STEP of its features, to see what each adds; 0 is a server that asks nobody. */
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { loadMigrations } from 'strangler-migrations/define';
import {
  createAccessLog,
  createProxy,
  createProxyServer,
  NO_ACCESS_LOG,
  NO_FLAGS,
  unleashFlags,
} from 'strangler-proxy';

const step = Number(process.env.STEP);
const { PORT, UPSTREAM = '', SERVICE = '', UNLEASH_URL = '', STATE = '' } = process.env;
const ready = () => process.stdout.write('ready\n');

if (step === 0) {
  const body = Buffer.alloc(1_024, 'x').toString('latin1');
  const head = ['Content-Type', 'application/json', 'Content-Length', String(body.length)];
  const server = createServer({ optimizeEmptyRequests: true }, (_request, response) => {
    response.writeHead(200, head).end(body, 'latin1');
  });
  server.listen(Number(PORT), '127.0.0.1', ready);
} else {
  const migrations = fileURLToPath(new URL('../migrations', import.meta.url));
  const proxy = createProxy({
    upstreams: { monolith: UPSTREAM, bench: SERVICE },
    servedBy: step >= 3,
    migrations: step >= 3 ? await loadMigrations(migrations) : [],
    flags:
      step >= 4
        ? await unleashFlags({
            url: UNLEASH_URL,
            token: 'default:development.bench',
            stateFolder: STATE,
            logger: console,
          })
        : NO_FLAGS,
    accessLog: step >= 5 ? createAccessLog(process.stdout) : NO_ACCESS_LOG,
  });
  const server = step >= 2 ? createProxyServer(proxy).server : createServer(proxy.handler);
  server.listen(Number(PORT), '127.0.0.1', ready);
}
