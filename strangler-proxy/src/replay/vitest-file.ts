import type { RecordedExchange } from '../recording/har.ts';

/** Requests of one file: a test that nobody reads is no test. */
const requestsMax = 500;

/**
 * A recording as a vitest file: every request once, asked of both sides and compared by the rules of the declarations.
 * It needs the sides' URLs in `CONTROL_URL` and `CANDIDATE_URL` when it runs.
 *
 * @param migrations how the file imports the declaration of each capability
 */
export function vitestFile(
  exchanges: readonly RecordedExchange[],
  routeOf: (method: string, target: string) => string | undefined,
  migrations: Readonly<Record<string, string>>,
): string {
  const byCapability = new Map<string, Set<string>>();
  for (const { method, target } of exchanges) {
    const capability = routeOf(method, target)?.split('.')[0];
    if ((method !== 'GET' && method !== 'HEAD') || capability === undefined) continue;
    const known = byCapability.get(capability) ?? new Set<string>();
    byCapability.set(capability, known);
    if (known.size < requestsMax) known.add(`${method === 'GET' ? 'get' : 'head'}(${quote(target)})`);
  }
  const capabilities = [...byCapability.keys()].sort();
  const name = (capability: string) => capability.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return `import { get, head, sides, sidesMatchers } from 'strangler-proxy/testing';
import { describe, expect, test } from 'vitest';
${capabilities.map((capability) => `import ${name(capability)} from ${quote(migrations[capability] ?? '')};`).join('\n')}

expect.extend(sidesMatchers);

const [control, candidate] = [process.env.CONTROL_URL ?? '', process.env.CANDIDATE_URL ?? ''];
${capabilities
  .map(
    (capability) => `
describe(${quote(capability)}, () => {
  const both = sides({ control, candidate, migration: ${name(capability)} });
  test.each([
${[...byCapability.get(capability)!].map((request) => `    ${request},`).join('\n')}
  ])('$method $target', async (request) => {
    expect(await both(request)).toMatchSides();
  });
});
`,
  )
  .join('')}`.replace('get, head,', usesHead(byCapability) ? 'get, head,' : 'get,');
}

function usesHead(requests: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  return [...requests.values()].some((set) => [...set].some((request) => request.startsWith('head(')));
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;
}
