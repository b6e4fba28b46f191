import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROXY_CPU, type Running, startProgram, succeeds } from './processes.ts';

/** Where everything that a proxy needs listens. */
export interface Surroundings {
  readonly upstream: string;
  readonly service: string;
  /** Serves half of the visitors of a route by the service. */
  readonly flags: string;
  /** Shadows everything as well. */
  readonly shadowingFlags: string;
  readonly folder: string;
}

/** One proxy of the comparison. */
export interface Contestant {
  readonly name: string;
  start(port: number): Promise<Running>;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Our own proxy with every feature on: the command, as it is run anywhere. */
export const OURS = 'strangler-proxy';
export const ENGINE = 'strangler-proxy, engine alone';
export const HPM = 'express + http-proxy-middleware';
export const NAIVE = 'the same features on express + http-proxy-middleware';
export const NGINX = 'nginx';

/** Everybody that can run here; nginx only where it is installed. */
export function contestants(around: Surroundings): Contestant[] {
  const peer = (name: string, program: string): Contestant => ({
    name,
    start: (port) =>
      startProgram(
        PROXY_CPU,
        process.execPath,
        [here(program)],
        { UPSTREAM: around.upstream, SERVICE: around.service, UNLEASH_URL: `${around.flags}/api` },
        port,
      ),
  });
  const all = [
    peer(HPM, './peers/express-hpm.ts'),
    peer(NAIVE, './peers/naive.ts'),
    peer(ENGINE, './peers/engine.ts'),
    ours(around, around.flags),
  ];
  return succeeds('nginx', ['-v']) ? [...all, nginx(around)] : all;
}

/** Our proxy with more of its features from one to the next, after a server that asks nobody. */
export function steps(around: Surroundings): Contestant[] {
  const names = [
    'a bare node:http server that asks nobody',
    'carrying the request to an upstream and its answer back',
    'the strict server: turns, time-outs, pipelining',
    'routes, and what the answer says of who served',
    'a share of visitors by flag',
    'an access log line',
  ];
  return names.map((name, step) => ({
    name,
    start: (port) =>
      startProgram(
        PROXY_CPU,
        process.execPath,
        [here('./peers/step.ts')],
        {
          STEP: String(step),
          UPSTREAM: around.upstream,
          SERVICE: around.service,
          UNLEASH_URL: `${around.flags}/api`,
          STATE: join(around.folder, `state-${port}`),
        },
        port,
      ),
  }));
}

/** Our proxy with flags of its own. */
export function ours(around: Surroundings, flags: string): Contestant {
  return {
    name: OURS,
    start: (port) =>
      startProgram(
        PROXY_CPU,
        process.execPath,
        [fileURLToPath(import.meta.resolve('strangler-proxy/cli'))],
        {
          ADMIN_PORT: '0',
          STRANGLER_MIGRATIONS: here('./migrations'),
          STRANGLER_UPSTREAM_MONOLITH: around.upstream,
          STRANGLER_UPSTREAM_BENCH: around.service,
          UNLEASH_URL: `${flags}/api`,
          UNLEASH_TOKEN: 'default:development.bench',
          STRANGLER_STATE: join(around.folder, `state-${port}`),
        },
        port,
        (output) => output.includes('"msg":"ready"'),
      ),
  };
}

/** nginx as a reverse proxy with keep-alive to its upstream, forwarding headers and an access log: one worker. */
function nginx(around: Surroundings): Contestant {
  return {
    name: NGINX,
    async start(port) {
      const folder = join(around.folder, `nginx-${port}`);
      await mkdir(folder, { recursive: true });
      const configuration = `
        daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr notice;
        events { worker_connections 1024; }
        http {
          keepalive_requests 1000000000;
          access_log ${folder}/access.log; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
          fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
          upstream shop { server ${new URL(around.upstream).host}; keepalive 256; keepalive_requests 1000000000; }
          server {
            listen 127.0.0.1:${port};
            location / {
              proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
              proxy_set_header X-Forwarded-For $remote_addr; add_header X-Served-By monolith;
            }
          }
        }`;
      await writeFile(join(folder, 'nginx.conf'), configuration);
      const args = ['-p', folder, '-c', join(folder, 'nginx.conf')];
      return startProgram(PROXY_CPU, 'nginx', args, {}, port, (output) => output.includes('event method'));
    },
  };
}
