import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../support/running-stack.ts';
import { readClient } from './proxy/expected-requests.ts';
import { readReceived } from './proxy/received-requests.ts';
import { readAnswers } from './proxy/strict-answers.ts';

const run = promisify(execFile);
const fuzz = (...args: string[]) => run('npm', ['run', '--silent', 'fuzz:proxy', '--', ...args], { cwd: ROOT });

test('npm run fuzz:proxy: what reaches an upstream or a client is what was sent, or nothing', async () => {
  // An exit status other than 0 is thrown, with what was printed: the seed, the input and how to run it again.
  const { stdout, stderr } = await fuzz('--json', '--seconds', '6');
  const report = JSON.parse(stdout);
  expect(report.failures).toEqual([]);
  expect(stderr).toContain(`seed ${report.seed}`);
  for (const seen of [report.cases, report.served, report.refused, report.answers]) expect(seen).toBeGreaterThan(10);
});

test('npm run fuzz:proxy says what it is told wrongly', async () => {
  await expect(fuzz('--seed', 'x', '--path', '1', '--direction', 'up')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/--seed x[\s\S]*--direction up/),
  });
});

describe('the fuzzer', () => {
  test.for([
    ['two framings', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a folded field', 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n y: 2\r\n\r\n'],
    ['a bare line feed', 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    [
      'a chunk longer than its size',
      'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n',
    ],
  ])('does not take %s for a request', ([, bytes = '']) => {
    expect(readClient(bytes)).toEqual({ whole: [], rest: 'malformed' });
  });

  test('sees the request that an upstream would take a body for', () => {
    const hidden = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
    expect(readReceived(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`)).toMatchObject({ target: '/', body: '' });
    expect(readReceived(hidden)).toMatchObject({ target: '/smuggled' });
    expect(
      readReceived(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`),
    ).toEqual({
      malformed: 'two framings: 1,chunked',
    });
  });

  test('sees an answer that nobody asked for, and one that is broken off', () => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    expect(readAnswers(answer + answer, ['GET']).malformed).toContain('one answer too many');
    expect(readAnswers(answer.slice(0, -1), ['GET']).answers).toMatchObject([{ isWhole: false }]);
  });
});
