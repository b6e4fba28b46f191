/** One answer that no server should give. */
export interface BrokenAnswer {
  readonly name: string;
  readonly bytes: string;
  /** `refused`: the client gets 502. `cut`: its answer is seen to be broken off. `passed`: it gets a whole answer. */
  readonly expect: 'refused' | 'cut' | 'passed';
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

/** Every broken answer, asked for by its place in this list: `/broken/0`. */
export const BROKEN_ANSWERS: readonly BrokenAnswer[] = [
  refused('nothing at all', ''),
  refused('no HTTP', 'garbage\r\n\r\n'),
  refused('the head of a TLS server', '\x15\x03\x03\x00\x02\x02\x50'),
  refused('a status below 100', 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n'),
  refused('a status of four digits', 'HTTP/1.1 2000 High\r\nContent-Length: 0\r\n\r\n'),
  refused('an upgrade that nobody asked for', 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
  refused('half a head', 'HTTP/1.1 200 OK\r\nContent-Le'),
  refused('a head larger than 64 KiB', `${OK}X-A: ${'x'.repeat(70_000)}\r\n\r\n`),
  refused('early hints without end', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(1_000)),
  refused('a length and a transfer coding', `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  refused('two lengths', `${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`),
  refused('a length that is no number', `${OK}Content-Length: x\r\n\r\n`),
  refused('a field split by a bare line feed', `${OK}X-A: 1\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n`),
  refused('a field split by a bare return', `${OK}X-A: 1\rSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n`),
  refused('a folded field', `${OK}X-A: 1\r\n b: 2\r\nContent-Length: 0\r\n\r\n`),
  refused('a control character in a field', `${OK}X-A: \x01\r\nContent-Length: 0\r\n\r\n`),
  refused('a control character in the reason', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok'),
  cut('a body shorter than its length', `${OK}Content-Length: 10\r\n\r\nabc`),
  cut('a chunk size that is no number', `${CHUNKED}3\r\nabc\r\nzz\r\n`),
  cut('a chunk longer than its size', `${CHUNKED}3\r\nabcdef\r\n0\r\n\r\n`),
  cut('chunks without an end', `${CHUNKED}3\r\nabc\r\n`),
  passed('a Trailer where there can be none', `${OK}Trailer: X-T\r\nContent-Length: 2\r\n\r\nok`),
  passed('a body where there can be none', 'HTTP/1.1 204 No Content\r\n\r\nbody'),
  passed('another answer behind the answer', `${OK}Content-Length: 2\r\n\r\nok${OK}Content-Length: 5\r\n\r\nfalse`),
];

function refused(name: string, bytes: string): BrokenAnswer {
  return { name, bytes, expect: 'refused' };
}

function cut(name: string, bytes: string): BrokenAnswer {
  return { name, bytes, expect: 'cut' };
}

function passed(name: string, bytes: string): BrokenAnswer {
  return { name, bytes, expect: 'passed' };
}
