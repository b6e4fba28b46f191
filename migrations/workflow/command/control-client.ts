import type { ControlAccess } from './settings.ts';

/** The control plane cannot be asked, or says no; the message says what to do. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

const TIMEOUT_MS = 30_000;
/** Instances that are asked again while none leads: one has just ended, and the other does not know yet. */
const LEADERLESS_MS_MAX = 5_000;
const RETRY_MS = 250;

/** Asks the control plane; of several instances the one that leads. @throws {ControlError} */
export function controlClient(access: ControlAccess | undefined) {
  async function call(method: string, path: string, body?: unknown, timeoutMs = TIMEOUT_MS): Promise<unknown> {
    if (access === undefined) {
      throw new ControlError(
        'No control plane is known: start the system ("npm start"), or give --control URL and STRANGLER_CONTROL_TOKEN.',
      );
    }
    const began = performance.now();
    for (;;) {
      let trouble = '';
      for (const url of access.urls) {
        const outcome = await ask(url, access.token, method, path, body, timeoutMs);
        if ('answer' in outcome) return outcome.answer;
        trouble = outcome.trouble;
      }
      if (performance.now() - began > LEADERLESS_MS_MAX) throw new ControlError(trouble);
      await new Promise((wake) => setTimeout(wake, RETRY_MS));
    }
  }

  return {
    get: (path: string) => call('GET', path),
    post: (path: string, body: unknown, timeoutMs?: number) => call('POST', path, body, timeoutMs),
    delete: (path: string) => call('DELETE', path),
  };
}

async function ask(
  base: string,
  token: string,
  method: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<{ answer: unknown } | { trouble: string }> {
  const url = `${base.replace(/\/+$/, '')}/v1${path}`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await fetch(url, { method, headers, signal: AbortSignal.timeout(timeoutMs), ...content });
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } };
    const why = cause?.code ?? message;
    // A write whose answer is lost may have been heard: it is not asked twice.
    if (method !== 'GET' && cause?.code !== 'ECONNREFUSED') throw new ControlError(`${base}: ${why}`);
    return { trouble: `The control plane does not answer at ${base} (${why}). Is it running?` };
  }
  const answer = (await response.json().catch(() => ({}))) as { title?: string; code?: string };
  if (response.ok) return { answer };
  const said = answer.title ?? `it answers ${response.status}`;
  if (answer.code === 'not-leading') return { trouble: `${base}: ${said}` };
  throw new ControlError(`${response.status === 401 ? 'The control plane refuses the token. ' : ''}${said}`);
}
