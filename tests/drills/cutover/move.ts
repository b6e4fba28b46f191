import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningStack } from '../../support/running-stack.ts';

/** How one change of owner ended. */
export interface Move {
  readonly state: string;
  readonly said: string;
  readonly figures: Readonly<Record<string, number>>;
}

const LOOK_EVERY_MS = 50;
const MOVE_MS_MAX = 120_000;

/** Asks the control plane of a running system. */
export async function controlOf(stack: RunningStack) {
  const file = JSON.parse(await readFile(join(stack.state, 'stack.json'), 'utf8'));
  const headers = { authorization: `Bearer ${file.control_token}`, 'content-type': 'application/json' };
  const ask = async (method: string, path: string, body?: object) => {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${file.urls.control}/v1${path}`, { method, headers, ...content });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer as Record<string, unknown>;
  };

  return {
    async owner(): Promise<string | null> {
      const { capabilities } = (await ask('GET', '/status')) as { capabilities: { owner: string | null }[] };
      return capabilities[0]?.owner ?? null;
    },
    /** Moves the catalog, and waits for how it ends. */
    async move(kind: 'cutover' | 'rollback'): Promise<Move> {
      const forced = kind === 'cutover' ? ['parity', 'writers'] : [];
      const asked = { capability: 'catalog', kind, who: 'the drill', why: 'a cycle', forced };
      const { id } = await ask('POST', '/requests', asked);
      const deadline = Date.now() + MOVE_MS_MAX;
      for (;;) {
        const request = await ask('GET', `/requests/${id}`);
        if (request.ended_at !== null) return request as unknown as Move;
        if (Date.now() > deadline) throw new Error(`${kind} did not end: ${JSON.stringify(request)}`);
        await new Promise((wake) => setTimeout(wake, LOOK_EVERY_MS));
      }
    },
  };
}
