import { isDeepStrictEqual } from 'node:util';
import type { Scene } from './check-requests.ts';
import { converse } from './conversation.ts';
import { pieces } from './edits.ts';
import { type ReadAnswer, readAnswers } from './strict-answers.ts';
import { CANNED } from './upstream.ts';
import type { GoodAnswer, UpstreamBytes } from './upstream-bytes.ts';

const NEXT = '/next';
const PROBE = '/probe';

/** What the proxy says of an answer that is none. */
const REFUSED = new Set([502, 504]);
/** Fields of the connection, of framing, and those that the proxy adds. */
const NOT_COMPARED = /^(?:connection|keep-alive|transfer-encoding|content-length|via|x-served-by|trailer)$/i;

/**
 * Answers with what an upstream answers, and holds what the client got against it: a well-formed answer, one that is
 * seen to be broken off, or a refusal; and never one that belongs to another request, on this connection or another.
 *
 * @throws Error saying what did not hold
 */
export async function checkAnswers(input: UpstreamBytes, { port, upstream, tally }: Scene): Promise<void> {
  const { text, cuts, afterwards, method, version, isPipelined, good } = input;
  upstream.forget();
  upstream.answerWith({ pieces: pieces(text, cuts), afterwards });
  const length = method === 'POST' ? 'Content-Length: 4\r\n' : '';
  const keep = version === 'HTTP/1.0' ? 'Connection: keep-alive\r\n' : '';
  const first = `${method} ${CANNED} ${version}\r\nHost: a\r\n${keep}${length}\r\n${method === 'POST' ? 'once' : ''}`;
  const next = `GET ${NEXT} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
  const { received, end } = await converse(port, isPipelined ? [first, next] : [first], (soFar) => {
    return !isPipelined && readAnswers(soFar, [method]).answers.some(({ isWhole }) => isWhole);
  });
  upstream.answerWith(undefined);
  const { answers, malformed } = readAnswers(received, isPipelined ? [method, 'GET'] : [method]);
  const fail = (what: string): never => {
    throw new Error(`${what}\nthe client got (${end}): ${JSON.stringify(received.slice(0, 2_000))}`);
  };
  tally.requests++;
  tally.answers++;
  if (malformed !== undefined) fail(`the client got what is no answer: ${JSON.stringify(malformed)}`);
  if (end === 'silence') fail('the client was neither answered nor let go');
  const [answer, second] = answers;
  if (answer === undefined && end === 'closed') fail('the client was let go without an answer');
  // What comes too much and late, on a connection that is in use again by then, nobody can tell from an answer.
  const mayBeLate = cuts.length > 0 && good === undefined;
  if (second !== undefined && !mayBeLate && second.body !== `GET ${NEXT}`) {
    fail('the client got an answer that was not to its request');
  }
  if (answer?.isWhole === false && !answer.endsWithConnection && end === 'enough')
    fail('a broken answer was gone on from');
  if (!mayBeLate) await probe(port, fail);
  const times = upstream.received.filter(({ target }) => target === CANNED).length;
  if (times > 1 && method === 'POST') fail(`a write was sent ${times} times`);
  if (upstream.malformed.length > 0) fail(`the upstream got what is no request: ${JSON.stringify(upstream.malformed)}`);
  if (good !== undefined) {
    mustArrive(answer, good, fail);
    // In HTTP/1.0 only a length says where a body ends, and Node wants one even where there is no body.
    const mayClose = version === 'HTTP/1.0' || answer?.endsWithConnection === true;
    if (isPipelined && !mayClose && second === undefined) fail('the next request was not answered');
  }
  if (answer !== undefined && REFUSED.has(answer.status)) tally.refused++;
  else tally.served++;
}

/** Somebody else's connection: what the upstream said too much must not come here. */
async function probe(port: number, fail: (what: string) => void): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${PROBE}`);
  const body = await answer.text();
  if (answer.status !== 200 || body !== `GET ${PROBE}`)
    fail(`another client got ${answer.status} ${JSON.stringify(body)}`);
}

function mustArrive(answer: ReadAnswer | undefined, good: GoodAnswer, fail: (what: string) => void): void {
  if (answer === undefined || answer.status !== good.status) {
    fail(`a good answer of ${good.status} arrived as ${answer?.status}`);
    return;
  }
  if (!answer.isWhole && !answer.endsWithConnection) fail('a good answer was broken off');
  if (answer.body !== good.body) fail(`another body arrived: ${JSON.stringify(answer.body)}`);
  const fields = answer.fields.filter(([name]) => !NOT_COMPARED.test(name));
  // Node adds a Date where the upstream sent none.
  const expected = good.fields.some(([name]) => name === 'Date') ? fields : fields.filter(([name]) => name !== 'Date');
  if (!isDeepStrictEqual(expected, good.fields)) fail(`other fields arrived: ${JSON.stringify(fields)}`);
}
