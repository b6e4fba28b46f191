#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { explore } from './explore.ts';
import { DEEP, DEEP_MUTATIONS, MUTATIONS, SCENARIOS, without } from './scenarios.ts';

const HELP = `Explores every state of the cut-over protocol within stated bounds, and the protocol with a rule taken out.

Examples
  npm run model                   each scenario, then each mutation with what it is found by
  npm run model -- --trace        the mutations' shortest traces, step by step
  npm run model -- --deep         larger scenarios too; minutes, and up to 2 GB of memory
  npm run model -- --json         one JSON object on standard output

Exit status: 0 done, 1 error, 2 found wanting (a violation of the protocol, or a mutation that is not found).`;

const { values } = parseArgs({
  options: {
    deep: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = run();

function run(): number {
  const print = (text: string) => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
  const scenarios = [...SCENARIOS, ...(values.deep ? DEEP : [])].map(({ title, bounds }) => {
    const began = performance.now();
    const { states, transitions, depth, violation } = explore(bounds);
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    print(
      `${violation ? 'WRONG' : 'ok   '}  ${states} states, ${transitions} transitions, depth ${depth}, ${seconds} s: ${title}`,
    );
    if (violation) print(`       ${violation.what}\n${numbered(violation.trace)}`);
    return { title, states, transitions, depth, seconds, violation };
  });
  const mutations = [...MUTATIONS, ...(values.deep ? DEEP_MUTATIONS : [])].map((mutation) => {
    const { violation } = explore(mutation.bounds, without(mutation.without));
    print(`${violation ? 'found' : 'MISSED'}  ${mutation.title}`);
    if (violation) print(`       after ${violation.trace.length} steps: ${violation.what}`);
    if (violation && values.trace) print(numbered(violation.trace));
    return { title: mutation.title, without: mutation.without, violation };
  });
  const wrong = scenarios.filter(({ violation }) => violation).length;
  const missed = mutations.filter(({ violation }) => !violation).length;
  const states = scenarios.reduce((sum, each) => sum + each.states, 0);
  print(
    `\n${states} states explored, ${wrong} violations; ${mutations.length - missed} of ${mutations.length} mutations found.`,
  );
  if (values.json)
    process.stdout.write(`${JSON.stringify({ states, violations: wrong, missed, scenarios, mutations })}\n`);
  return wrong + missed === 0 ? 0 : 2;
}

function numbered(trace: readonly string[]): string {
  return trace.map((step, index) => `       ${String(index + 1).padStart(3)}. ${step}`).join('\n');
}
