import { expect, test } from 'vitest';
import { isUpstreamsFault, PROBLEMS, type ProblemCode } from './errors.ts';

test('what a client did, or a bound of ours, never counts against an upstream', () => {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  expect(codes.filter((code) => !isUpstreamsFault(code))).toEqual([
    'request-malformed',
    'request-host-invalid',
    'request-refused',
    'request-timeout',
    'expectation-unknown',
    'request-head-too-large',
    'transfer-coding-unknown',
    'target-not-passed-on',
    'body-already-read',
    'request-loop',
    'upstream-busy',
    'upstream-circuit-open',
    'writes-held',
    'writes-held-full',
    'identity-unavailable',
    'proxy-stopping',
    'proxy-fault',
  ]);
});
