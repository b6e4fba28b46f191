import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { commandLine } from './process-identity.ts';

/** Whether nobody listens on this port of loopback (or of all addresses). */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((done) => {
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}

/** Who listens on a port, as far as this user may see it: `node server.js (pid 123)`. */
export async function listenerOn(port: number): Promise<string | undefined> {
  const pid = process.platform === 'linux' ? await pidByProc(port) : await pidByLsof(port);
  if (pid === undefined) return undefined;
  const command = commandLine(pid);
  return command === undefined ? `pid ${pid}` : `${shorten(command)} (pid ${pid})`;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** proc_pid_net(5): local_address is hexadecimal `address:port`, state 0A is LISTEN, the tenth field the socket's inode. */
async function pidByProc(port: number): Promise<number | undefined> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = (await readFile(table, 'utf8').catch(() => '')).split('\n');
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(suffix) && fields[3] === '0A' && fields[9]) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (inodes.has(target)) return Number(pid);
    }
  }
  return undefined;
}

async function pidByLsof(port: number): Promise<number | undefined> {
  const found = await promisify(execFile)('lsof', ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN']).catch(
    () => undefined,
  );
  const pid = Number(found?.stdout.trim().split('\n')[0]);
  return pid > 0 ? pid : undefined;
}
