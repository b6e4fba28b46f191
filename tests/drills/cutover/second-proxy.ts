import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@strangler/stack/testing';
import { ROOT, type RunningStack } from '../../support/running-stack.ts';
import { until } from '../../support/until.ts';

/** A second proxy in front of a running system, as a load balancer would have one. */
export interface SecondProxy {
  readonly url: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

const READY_MS_MAX = 60_000;

/** Starts it; resolves once it is ready. It signs with the first one's keys, which the services know. */
export async function startSecondProxy(stack: RunningStack): Promise<SecondProxy> {
  const { control } = JSON.parse(await readFile(join(stack.state, 'credentials.json'), 'utf8'));
  const file = JSON.parse(await readFile(join(stack.state, 'stack.json'), 'utf8'));
  const state = join(stack.state, 'proxy-2');
  await mkdir(state, { recursive: true });
  await copyFile(join(stack.state, 'proxy', 'identity-keys.json'), join(state, 'identity-keys.json'));
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [join(ROOT, 'strangler-proxy/src/cli.ts')], {
    env: {
      PATH: process.env.PATH,
      LOG_LEVEL: 'error',
      STRANGLER_MIGRATIONS: file.migrations,
      STRANGLER_UPSTREAM_MONOLITH: stack.urls.monolith,
      STRANGLER_UPSTREAM_CATALOG: stack.urls.catalog,
      STRANGLER_IDENTITY: join(file.migrations, 'identity.ts'),
      STRANGLER_STATE: state,
      STRANGLER_CONTROL_URL: file.urls.control,
      STRANGLER_CONTROL_TOKEN: control.proxyToken,
      STRANGLER_PROXY_NAME: 'proxy-2',
      UNLEASH_URL: file.unleash_url,
      UNLEASH_TOKEN: file.unleash_client_token,
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  const isReady = () =>
    fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(isReady, Boolean, { withinMs: READY_MS_MAX });
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
