import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';

const RUN = `import setup from ${JSON.stringify(new URL('./testing-setup.ts', import.meta.url).href)};
await setup({ provide: (key, url) => console.log(url) });
setInterval(() => {}, 1_000);`;

/** Whether something listens there. */
function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });
}

test('a test run that is killed with -9 leaves no PostgreSQL behind', async () => {
  const run = spawn(process.execPath, ['--input-type=module', '-e', RUN], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = (await once(run.stdout, 'data')) as [Buffer];
  const port = Number(new URL(String(url)).port);
  expect(await listens(port)).toBe(true);
  run.kill('SIGKILL');
  const deadline = Date.now() + 20_000;
  while (await listens(port)) {
    expect(Date.now()).toBeLessThan(deadline);
    await new Promise((wake) => setTimeout(wake, 50));
  }
});
