import { expect, test } from 'vitest';
import { createCircuit } from './circuit.ts';

function make(options: { failureShareMax?: number } = {}) {
  let now = 0;
  const circuit = createCircuit({ failures: 3, openMs: 100, openMsMax: 300, now: () => now, ...options });
  const pass = (ms: number) => {
    now += ms;
  };
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) circuit.failed();
  };
  return { circuit, pass, fail };
}

test('consecutive failures open it, and a success in between begins the count anew', () => {
  const { circuit, fail } = make();
  fail(2);
  circuit.succeeded();
  fail(2);
  expect(circuit.state).toBe('closed');
  fail(1);
  expect([circuit.state, circuit.tryEnter(), circuit.opened]).toEqual(['open', false, 1]);
});

test('what fails every other time opens it by the share, where there is one', () => {
  const alternate = ({ circuit }: ReturnType<typeof make>) => {
    for (let i = 0; i < 100; i++) circuit[i % 2 === 0 ? 'failed' : 'succeeded']();
    return circuit.opened;
  };
  expect(alternate(make())).toBe(0);
  expect(alternate(make({ failureShareMax: 0.4 }))).toBeGreaterThan(0);
});

test('one probe at a time shows whether it is back', () => {
  const { circuit, pass, fail } = make();
  fail(3);
  pass(100);
  expect([circuit.state, circuit.tryEnter(), circuit.tryEnter()]).toEqual(['half-open', true, false]);
  circuit.succeeded();
  expect([circuit.state, circuit.tryEnter()]).toEqual(['closed', true]);
});

test('each probe that fails doubles the time, up to a bound, and a success takes it back', () => {
  const { circuit, pass, fail } = make();
  fail(3);
  for (const waitMs of [100, 200, 300, 300]) {
    pass(waitMs - 1);
    expect(circuit.tryEnter()).toBe(false);
    pass(1);
    expect(circuit.tryEnter()).toBe(true);
    circuit.failed();
  }
  pass(300);
  circuit.tryEnter();
  circuit.succeeded();
  fail(3);
  pass(100);
  expect(circuit.isReady).toBe(true);
});

test('a probe that never ends does not keep it open for ever, and one that says nothing is followed by another', () => {
  const { circuit, pass, fail } = make();
  fail(3);
  pass(100);
  expect(circuit.tryEnter()).toBe(true);
  pass(100);
  expect(circuit.tryEnter()).toBe(true);
  circuit.left();
  expect(circuit.tryEnter()).toBe(true);
});

test('calls that began before it opened do not prolong it', () => {
  const { circuit, pass, fail } = make();
  fail(3);
  pass(99);
  fail(5);
  pass(1);
  expect([circuit.isReady, circuit.opened]).toEqual([true, 1]);
});
