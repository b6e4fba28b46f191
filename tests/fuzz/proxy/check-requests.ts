import { isDeepStrictEqual } from 'node:util';
import type { ClientBytes } from './client-bytes.ts';
import { converse } from './conversation.ts';
import { pieces } from './edits.ts';
import { type ExpectedRequest, endToEnd, type Reading, readClient } from './expected-requests.ts';
import { valuesOf } from './http-text.ts';
import type { ReceivedRequest } from './received-requests.ts';
import { type ReadAnswer, readAnswers } from './strict-answers.ts';
import { type FuzzUpstream, REACHED } from './upstream.ts';

/** What a proxy that is fuzzed is reached by. */
export interface Scene {
  readonly port: number;
  readonly upstream: FuzzUpstream;
  readonly tally: Tally;
}

/** What was done, to be told at the end. */
export interface Tally {
  requests: number;
  served: number;
  refused: number;
  answers: number;
}

/** How the proxy refuses what a client sent: never as if an upstream had failed (`errors.ts`). */
const REFUSED = /^(?:4\d\d|501)$/;

/**
 * Sends what a client sends, and holds what the upstream received against what the bytes say: exactly one well-formed
 * request for each that was accepted, equal in method, target, end-to-end fields and body. Everything else is refused.
 *
 * @throws Error saying what did not hold
 */
export async function checkRequests({ text, cuts, requests }: ClientBytes, scene: Scene): Promise<void> {
  const { port, upstream, tally } = scene;
  const reading = readClient(text);
  const { whole, rest } = reading;
  if (requests !== undefined && (requests !== whole.length || !/^(?:nothing|closed)$/.test(rest))) {
    throw new Error(
      `the fuzzer disagrees with itself: ${requests} requests were made, ${whole.length} read, then ${rest}`,
    );
  }
  const methods = whole.map(({ method }) => method);
  // What is refused has no body of HEAD's kind, and one refusal may follow what is whole.
  const read = (received: string) => readAnswers(received, [...methods, 'GET']);
  const waits = rest === 'malformed' || rest === 'closed';
  upstream.forget();
  const { received, end } = await converse(
    port,
    pieces(text, cuts),
    (soFar) => !waits && read(soFar).answers.filter(({ isWhole }) => isWhole).length >= whole.length,
    rest === 'unfinished' ? LINGER_MS : 0,
  );
  await flush(port);
  const { answers, malformed } = read(received);
  const fail = (what: string): never => {
    throw new Error(`${what}\nthe client got (${end}): ${JSON.stringify(received.slice(0, 2_000))}`);
  };
  tally.requests += whole.length;
  if (malformed !== undefined) fail(`the client got what is no answer: ${JSON.stringify(malformed)}`);
  if (upstream.malformed.length > 0) fail(`the upstream got what is no request: ${JSON.stringify(upstream.malformed)}`);
  if (end === 'silence') fail('the client was neither answered nor let go');
  const reached = upstream.received.filter(({ target }) => target !== FLUSH);
  const used = new Set<number>();
  answers.forEach((answer, i) => {
    const expected = whole[i];
    const index = Number(valuesOf(answer.fields, REACHED.toLowerCase())[0] ?? Number.NaN);
    if (Number.isNaN(index)) {
      if (expected?.isForProxy === true && answer.status === 200) return;
      if (!REFUSED.test(String(answer.status))) fail(`answer ${i + 1} is ${answer.status}, and from nobody`);
      tally.refused++;
      return;
    }
    const got = upstream.received[index];
    if (expected === undefined || got === undefined || used.has(index)) {
      fail(`answer ${i + 1} is to no request that the client sent`);
      return;
    }
    used.add(index);
    const difference = differenceOf(expected, got);
    if (difference !== undefined) fail(`request ${i + 1} reached the upstream with another ${difference}`);
    tally.served++;
  });
  const unanswered = reached.filter((got) => !used.has(upstream.received.indexOf(got)));
  const left = whole.slice(answers.length);
  for (const got of unanswered) {
    const at = left.findIndex((expected) => differenceOf(expected, got) === undefined);
    if (at < 0) fail(`the upstream got a request that nobody sent: ${JSON.stringify(got)}`);
    left.splice(at, 1);
  }
  if (requests !== undefined) mustBeServed(answers, reading, fail);
}

/** What is not finished may be refused, or waited for. */
const LINGER_MS = 10;

/** Asked for to know that everything before it has arrived. */
const FLUSH = '/flush';

async function flush(port: number): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}${FLUSH}`)).arrayBuffer();
}

/** What nothing was done to has to be served, all of it. */
function mustBeServed(answers: readonly ReadAnswer[], { whole }: Reading, fail: (what: string) => void): void {
  const bad = answers.findIndex(({ status, isWhole }) => status !== 200 || !isWhole);
  if (bad >= 0) fail(`good request ${bad + 1} of ${whole.length} was answered with ${answers[bad]?.status}`);
  if (answers.length < whole.length) fail(`${answers.length} of ${whole.length} good requests were answered`);
}

/** In what a request that was received differs from the one that was sent. */
function differenceOf(expected: ExpectedRequest, got: ReceivedRequest): string | undefined {
  if (got.method !== expected.method) return `method: ${got.method}`;
  if (got.target !== expected.target) return `target: ${got.target}`;
  if (got.body !== expected.body) return `body: ${JSON.stringify(got.body)} for ${JSON.stringify(expected.body)}`;
  const host = valuesOf(got.fields, 'host')[0];
  // Who speaks HTTP/1.0 may leave it out; the upstream, who is spoken to in HTTP/1.1, needs one (RFC 9112 section 3.2).
  if (expected.host !== undefined && host !== expected.host) return `Host: ${host}`;
  const passed = endToEnd(got.fields);
  // The last Via is the proxy's own.
  const own = passed.findLastIndex(([name]) => name === 'Via');
  if (own >= 0) passed.splice(own, 1);
  if (isDeepStrictEqual(passed, expected.fields)) return undefined;
  return `head: ${JSON.stringify(passed)} for ${JSON.stringify(expected.fields)}`;
}
