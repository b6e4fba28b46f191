import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningStack, startStack } from '../support/running-stack.ts';

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(() => stack?.stop());

/** An answer as it came over the wire. */
async function raw(origin: string, host: string, requestLine: string): Promise<Buffer> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.write(`${requestLine} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Head fields that a proxy has to add or may change on its hop (RFC 9110 section 7.6), and what changes by the second. */
const OF_THE_HOP = /^(via|x-served-by|connection|keep-alive|transfer-encoding|date|set-cookie):/i;

function parts(answer: Buffer): { head: string[]; body: string } {
  const end = answer.indexOf('\r\n\r\n');
  const head = answer.subarray(0, end).toString('latin1').split('\r\n');
  const chunked = head.some((line) => /^transfer-encoding: *chunked/i.test(line));
  const body = answer.subarray(end + 4);
  return {
    head: head.filter((line) => !OF_THE_HOP.test(line)),
    body: (chunked ? dechunk(body) : body).toString('base64'),
  };
}

function dechunk(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, lineEnd), 16);
    if (!size) return Buffer.concat(pieces);
    pieces.push(body.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

test.each([
  'GET /',
  'HEAD /',
  'GET /login',
  'GET /cart',
  'GET /account',
  'GET /images/products/7.svg',
  'GET /no/such/page',
  'GET /api/no-such-route',
  'GET /api/products/7/reviews',
  'GET /api/products/',
  'GET /api/Products',
  'GET //api/products',
  'GET /api/./products',
  'GET /api%2Fproducts',
  'GET /api/products%2F7',
  'GET /search?q=a&q=b%20c&&x',
  'OPTIONS /api/products',
  'DELETE /api/cart/lines/1',
])('%s is answered as the monolith answers it, byte for byte', async (requestLine) => {
  const host = new URL(stack.urls.shop).host;
  const direct = parts(await raw(stack.urls.monolith, host, requestLine));
  const proxied = parts(await raw(stack.urls.shop, host, requestLine));
  expect(proxied).toEqual(direct);
});
