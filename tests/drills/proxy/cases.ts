import { once } from 'node:events';
import { until } from '../../support/until.ts';
import { BROKEN_ANSWERS, type BrokenAnswer } from './broken-answers.ts';
import type { FlagConduct } from './flag-server-process.ts';
import { HOSTILE_REQUESTS, type HostileRequest } from './hostile-requests.ts';
import type { DrillProcess, DrillUpstream, Processes } from './processes.ts';
import { idleConnection, sendBytes } from './raw-client.ts';
import { type Shoppers, startShoppers } from './shoppers.ts';
import type { Conduct } from './upstream-process.ts';

/** The parts that one group of cases shares. */
export interface Scene {
  readonly processes: Processes;
  readonly monolith: DrillUpstream;
  readonly catalog: DrillUpstream;
  readonly proxy: DrillProcess & { readonly admin: string };
  readonly flags: DrillProcess & { behave(conduct: FlagConduct): void };
}

/** One thing that must not do harm. @throws Error saying what it did */
export interface DrillCase {
  readonly name: string;
  run(scene: Scene): Promise<void>;
}

/** Cases that run one after the other on one proxy. */
export interface DrillGroup {
  readonly name: GroupName;
  readonly cases: readonly DrillCase[];
}

export const GROUPS = ['requests', 'answers', 'upstreams', 'flags', 'proxy'] as const;
export type GroupName = (typeof GROUPS)[number];

const LIES_AT_START = ['garbage', 'silent', 'empty', 'wrong-types', 'half-compressed'] as const;

/** Everything that the drill does. */
export const DRILL: readonly DrillGroup[] = [
  { name: 'requests', cases: HOSTILE_REQUESTS.map(hostile) },
  { name: 'answers', cases: BROKEN_ANSWERS.map(broken) },
  {
    name: 'upstreams',
    cases: [
      misbehaving('silent', 'a service that is silent'),
      misbehaving('closes', 'a service that closes every connection'),
      misbehaving('garbage', 'a service that does not speak HTTP'),
      misbehaving('error', 'a service whose every answer is 500'),
      misbehaving('unavailable', 'a service whose every answer is 503'),
      misbehaving('breaks-off', 'a service that breaks off within the head of its answer'),
      { name: 'a service that is frozen', run: frozen },
      { name: 'a service that is killed', run: killed },
      { name: 'one of two instances of the service is killed', run: halfDead },
      { name: 'one of two instances of the monolith is killed', run: halfAMonolith },
      { name: 'writes to an instance that closes its connections', run: writesOnce },
    ],
  },
  {
    name: 'flags',
    cases: [
      lying('garbage', 'a flag server that answers with a page'),
      lying('error', 'a flag server that answers 500'),
      lying('silent', 'a flag server that does not answer'),
      lying('half', 'a flag server that breaks off'),
      lying('empty', 'a flag server that knows no flag any more'),
      lying('wrong-types', 'a flag server whose flags are none'),
      lying('half-compressed', 'a flag server that breaks off within a compressed answer'),
      ...LIES_AT_START.map(startsBeside),
      { name: 'the flag server is killed', run: flagsLost },
      { name: 'a proxy starts without the flag server', run: startsWithoutFlags },
    ],
  },
  {
    name: 'proxy',
    cases: [
      { name: 'a new configuration under load, and then a faulty one', run: reconfigured },
      { name: 'everybody reads the admin port at once', run: adminUnderLoad },
      { name: 'more connections than file descriptors', run: descriptorsExhausted },
      { name: 'a stop with requests under way', run: stops },
    ],
  },
];

let tags = 0;

function hostile({ name, bytes, served }: HostileRequest): DrillCase {
  return {
    name: `a request: ${name}`,
    async run({ monolith, proxy }) {
      const target = `/hostile-${++tags}`;
      const { received } = await sendBytes(proxy.port, bytes(target));
      await flushed(monolith, proxy);
      const reached = monolith.received.filter((one) => one.target.startsWith(target)).length;
      const status = /^HTTP\/1\.1 (\d+)/.exec(received)?.[1] ?? 'nothing';
      if (reached !== served) throw new Error(`${reached} requests reached the monolith, not ${served}`);
      const expected = served === 0 ? /^(?:4\d\d|501|502)$/ : /^200$/;
      if (!expected.test(status)) throw new Error(`it was answered with ${status}`);
      if (monolith.malformed.length > 0) throw new Error(`the monolith was sent ${monolith.malformed.splice(0)}`);
    },
  };
}

function broken({ name, expect }: BrokenAnswer, index: number): DrillCase {
  return {
    name: `an answer: ${name}`,
    async run({ proxy }) {
      const request = `GET /broken/${index} HTTP/1.1\r\nHost: a\r\n`;
      const { received } = await sendBytes(proxy.port, `${request}Connection: close\r\n\r\n`);
      const is = outcomeOf(received);
      // What is cut before any of it was sent can still be refused.
      const holds = is === expect || (expect === 'cut' && is === 'refused');
      if (!holds) throw new Error(`it was ${is}, not ${expect}: ${JSON.stringify(received.slice(0, 300))}`);
      // In HTTP/1.0 the end of the connection may be the end of the body: a cut must not look like it.
      const old = await sendBytes(proxy.port, `GET /broken/${index} HTTP/1.0\r\nHost: a\r\n\r\n`);
      const looksWhole = expect === 'cut' && !old.isReset && !/content-length/i.test(old.received);
      if (looksWhole) throw new Error('in HTTP/1.0 it looked whole');
    },
  };
}

function outcomeOf(received: string): BrokenAnswer['expect'] | 'nothing' {
  const final = received.replace(/^(?:HTTP\/1\.1 1\d\d[\s\S]*?\r\n\r\n)*/, '');
  const [head = '', body = ''] = final.split(/\r\n\r\n([\s\S]*)/);
  if (!head.startsWith('HTTP/1.1 ')) return 'nothing';
  if (head.startsWith('HTTP/1.1 502 ')) return 'refused';
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  if (length !== undefined) return body.length === Number(length) ? 'passed' : 'cut';
  return /^transfer-encoding/im.test(head) && !body.endsWith('0\r\n\r\n') ? 'cut' : 'passed';
}

function misbehaving(conduct: Conduct, name: string): DrillCase {
  return {
    name,
    async run({ catalog, proxy }) {
      await served(proxy, 'catalog');
      catalog.behave(conduct);
      await served(proxy, 'monolith');
      await aWhile();
      catalog.behave('well');
      await served(proxy, 'catalog');
    },
  };
}

async function frozen({ catalog, proxy }: Scene): Promise<void> {
  await served(proxy, 'catalog');
  catalog.child.kill('SIGSTOP');
  try {
    await served(proxy, 'monolith');
    await aWhile();
  } finally {
    catalog.child.kill('SIGCONT');
  }
  await served(proxy, 'catalog');
}

async function killed({ processes, monolith, flags }: Scene): Promise<void> {
  const catalog = await processes.upstream('catalog');
  const proxy = await processes.proxy({ monolith: monolith.url, catalog: catalog.url, flags: flags.url });
  await served(proxy, 'catalog');
  await shopping(proxy, async () => {
    await catalog.kill();
    await aWhile();
  });
  await proxy.kill();
}

async function halfDead({ processes, monolith, flags }: Scene): Promise<void> {
  const [first, second] = [await processes.upstream('catalog'), await processes.upstream('catalog')];
  const catalog = `${first.url},${second.url}`;
  const proxy = await processes.proxy({ monolith: monolith.url, catalog, flags: flags.url });
  await served(proxy, 'catalog');
  await shopping(proxy, async () => {
    await first.kill();
    await aWhile();
    const before = second.received.length;
    await until(
      () => second.received.length,
      (length) => length > before + 5,
      { withinMs: 5_000 },
    );
  });
  await proxy.kill();
}

async function halfAMonolith({ processes, catalog }: Scene): Promise<void> {
  const [first, second] = [await processes.upstream('monolith'), await processes.upstream('monolith')];
  const proxy = await processes.proxy({ monolith: `${first.url},${second.url}`, catalog: catalog.url });
  await served(proxy, 'monolith');
  await shopping(
    proxy,
    async () => {
      await first.kill();
      await aWhile();
    },
    'read',
  );
  await shopping(proxy, aWhile);
  await proxy.kill();
}

/** Whoever wrote and got no answer must not find it done twice. */
async function writesOnce({ processes, catalog }: Scene): Promise<void> {
  const [first, second] = [await processes.upstream('monolith'), await processes.upstream('monolith')];
  const proxy = await processes.proxy({ monolith: `${first.url},${second.url}`, catalog: catalog.url });
  first.behave('closes');
  const bodies = Array.from({ length: 200 }, (_, i) => `once-${i}`);
  const statuses = await Promise.all(
    bodies.map((body) => fetch(`${proxy.url}/items`, { method: 'POST', body }).then(({ status }) => status)),
  );
  await Promise.all([first, second].map((instance) => reported(instance)));
  const received = [...first.received, ...second.received].map(({ body }) => body).filter((body) => body !== '');
  const doubled = received.length - new Set(received).size;
  if (doubled > 0) throw new Error(`${doubled} writes were received twice`);
  const answered = statuses.filter((status) => status === 200).length;
  const done = second.received.filter(({ body }) => body.startsWith('once-')).length;
  if (answered !== done) throw new Error(`${answered} writes were answered well, and ${done} done`);
  if (first.received.length === 0) throw new Error('no write met the instance that closes its connections');
  await proxy.kill();
}

function lying(conduct: FlagConduct, name: string): DrillCase {
  return {
    name,
    async run({ flags, proxy }) {
      await served(proxy, 'catalog');
      flags.behave(conduct);
      await notice(proxy, 'The flag server');
      await sideHolds(proxy, 'catalog');
      flags.behave('well');
    },
  };
}

/** Who starts beside a liar knows nothing, and serves as if there were no flags. */
function startsBeside(conduct: FlagConduct): DrillCase {
  return {
    name: `a proxy starts beside a flag server that is ${conduct}`,
    async run({ processes, monolith, catalog, flags }) {
      flags.behave(conduct);
      const proxy = await processes.proxy({ monolith: monolith.url, catalog: catalog.url, flags: flags.url });
      await shopping(proxy, () => sideHolds(proxy, 'monolith'));
      flags.behave('well');
      await served(proxy, 'catalog');
      await proxy.kill();
    },
  };
}

async function flagsLost({ flags, proxy }: Scene): Promise<void> {
  await served(proxy, 'catalog');
  await flags.kill();
  await notice(proxy, 'The flag server');
  await sideHolds(proxy, 'catalog');
}

async function startsWithoutFlags({ processes, monolith, catalog, flags }: Scene): Promise<void> {
  const proxy = await processes.proxy({ monolith: monolith.url, catalog: catalog.url, flags: flags.url });
  await shopping(proxy, () => sideHolds(proxy, 'monolith'));
  await proxy.kill();
}

/** The monolith moves to another address, and back is refused. */
async function reconfigured({ processes, catalog }: Scene): Promise<void> {
  const [before, after] = [await processes.upstream('monolith'), await processes.upstream('monolith')];
  const proxy = await processes.proxy({ monolith: before.url, catalog: catalog.url, configured: true });
  await shopping(proxy, async () => {
    for (const [next, last] of [
      [after, before],
      [before, after],
      [after, before],
    ] as const) {
      await processes.configure(proxy, { monolith: next.url, catalog: catalog.url });
      proxy.child.kill('SIGHUP');
      const count = next.received.length;
      await until(
        () => next.received.length,
        (now) => now > count + 50,
        { withinMs: 20_000 },
      );
      const left = last.received.length;
      await aWhile();
      if (last.received.length > left + 1) throw new Error('requests still go where they went before');
    }
    await processes.configure(proxy, { monolith: 'nonsense', catalog: catalog.url });
    proxy.child.kill('SIGHUP');
    await notice(proxy, 'The last new configuration was refused');
    await aWhile();
  });
  await proxy.kill();
}

async function adminUnderLoad({ processes, monolith, catalog, flags }: Scene): Promise<void> {
  const proxy = await processes.proxy({ monolith: monolith.url, catalog: catalog.url, flags: flags.url });
  const paths = ['/metrics', '/readyz', '/api/routes', '/', '/nothing', '/api/samples/catalog/item'];
  await shopping(proxy, async () => {
    for (let round = 0; round < 10; round++) {
      const asked = Array.from({ length: 60 }, (_, i) => fetch(proxy.admin + paths[i % paths.length]!));
      for (const answer of await Promise.all(asked)) {
        await answer.arrayBuffer();
        if (answer.status >= 500) throw new Error(`the admin port answered ${answer.status} at ${answer.url}`);
      }
    }
  });
  await proxy.kill();
}

async function descriptorsExhausted({ processes, monolith, catalog }: Scene): Promise<void> {
  const proxy = await processes.proxy({ monolith: monolith.url, catalog: catalog.url, openFilesMax: 64 });
  const idle = await Promise.all(Array.from({ length: 100 }, () => idleConnection(proxy.port)));
  await aWhile();
  for (const socket of idle) socket.destroy();
  // A connection that comes before the descriptors are free again is closed by libuv; from the first answer on, none is.
  const answered = () =>
    fetch(`${proxy.url}/items/7`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(answered, Boolean, { withinMs: 20_000 });
  await shopping(proxy, aWhile);
  await proxy.kill();
}

async function stops({ processes, monolith, catalog }: Scene): Promise<void> {
  const proxy = await processes.proxy({ monolith: monolith.url, catalog: catalog.url });
  const asked = monolith.received.filter(({ target }) => target === '/slow').length;
  const underWay = Array.from({ length: 10 }, () => fetch(`${proxy.url}/slow`).then((answer) => answer.text()));
  await until(
    () => monolith.received.filter(({ target }) => target === '/slow').length - asked,
    (reached) => reached === 10,
    { withinMs: 5_000 },
  );
  const ended = once(proxy.child, 'exit');
  proxy.child.kill('SIGTERM');
  for (const body of await Promise.all(underWay)) {
    if (body !== 'monolith GET /slow') throw new Error(`a request under way was answered with ${body}`);
  }
  const [status] = await ended;
  if (status !== 0) throw new Error(`it ended with status ${status}`);
}

/** Waits until the side that serves the route is this one; a side that was away is tried again after its ejection. */
async function served(proxy: DrillProcess, by: 'monolith' | 'catalog'): Promise<void> {
  const ask = async () => {
    const answer = await fetch(`${proxy.url}/items/7`, { signal: AbortSignal.timeout(10_000) });
    await answer.arrayBuffer();
    return answer.headers.get('x-served-by');
  };
  await until(ask, (side) => side === by, { withinMs: 20_000 });
}

async function sideHolds(proxy: DrillProcess, by: string): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const answer = await fetch(`${proxy.url}/items/7`);
    await answer.arrayBuffer();
    const side = answer.headers.get('x-served-by');
    if (side !== by) throw new Error(`the side changed from ${by} to ${side}`);
  }
}

async function notice(proxy: { readonly admin: string }, start: string): Promise<void> {
  const ask = async () => {
    const { notices } = (await (await fetch(`${proxy.admin}/readyz`)).json()) as { notices: string[] };
    return notices;
  };
  await until(ask, (notices) => notices.some((one) => one.startsWith(start)), { withinMs: 30_000 });
}

/** What an upstream was sent before now, it has told of. */
async function reported({ port, received }: DrillUpstream): Promise<void> {
  const target = `/reported-${++tags}`;
  await sendBytes(port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 100);
  await told(received, target);
}

/** Everything that was sent before has reached the upstream, and what it said of it has reached us. */
async function flushed(monolith: DrillUpstream, proxy: DrillProcess): Promise<void> {
  const target = `/flushed-${++tags}`;
  await (await fetch(proxy.url + target)).arrayBuffer();
  await told(monolith.received, target);
}

async function told(received: DrillUpstream['received'], target: string): Promise<void> {
  await until(
    () => received.some((one) => one.target === target),
    (is) => is,
    { withinMs: 5_000, everyMs: 2 },
  );
}

async function shopping(
  proxy: DrillProcess,
  meanwhile: () => Promise<void>,
  does: 'read' | 'read and write' = 'read and write',
): Promise<void> {
  const shoppers = startShoppers(proxy.url, does);
  await meanwhile().finally(() => shoppers.stop());
  if (shoppers.failedCount > 0) throw new ShoppersFailed(shoppers);
}

/** Long enough for every shopper to come by many times. */
function aWhile(): Promise<void> {
  return new Promise((wake) => setTimeout(wake, 700));
}

/** Users of the monolith were served worse. */
export class ShoppersFailed extends Error {
  readonly count: number;

  /** @param before how many had failed before that of which this tells */
  constructor({ failed, failedCount }: Shoppers, before = 0) {
    const count = failedCount - before;
    super(`${count} requests of the monolith's users failed, the last of them: ${failed.slice(-count).join('; ')}`);
    this.count = count;
  }
}
