import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { initCluster, serverCall, superuserUrl, untilAccepting } from '@strangler/stack/postgres';

/** A PostgreSQL server of its own, for those who stop it. */
export interface PostgresServer {
  readonly port: number;
  url(database?: string): string;
  /** `fast` ends every session in order; `immediate` is a crash, with recovery at the start. */
  restart(how: 'fast' | 'immediate'): Promise<void>;
  /** Ends it as a crash does, for good. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

const PASSWORD = 'drill';

/** Starts a new cluster in `folder`, which its owner removes. */
export async function startPostgres(
  folder: string,
  port: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const dataDir = join(folder, `postgres-${port}`);
  await initCluster(dataDir, PASSWORD);
  const call = await serverCall(dataDir, port, settings);
  let server: ChildProcess;
  const start = async () => {
    server = spawn(call.command, call.args, { env: call.env, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    server.stderr!.on('data', (chunk: Buffer) => {
      log = (log + chunk).slice(-4_000);
    });
    const gone = () => (server.exitCode === null && server.signalCode === null ? undefined : log);
    await untilAccepting(superuserUrl(port, PASSWORD), gone);
  };
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  };
  await start();
  return {
    port,
    url: (database) => superuserUrl(port, PASSWORD, database),
    async restart(how) {
      await end(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await start();
    },
    crash: () => end('SIGQUIT'),
    stop: () => end('SIGINT'),
  };
}
