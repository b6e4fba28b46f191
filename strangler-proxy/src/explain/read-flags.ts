import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { faultOf, readKept } from '../decide/kept-flags.ts';
import type { SaidFlags } from '../decide/still-flags.ts';

/** Where a flag server is, and where the proxy keeps what it said last. */
export interface FlagSources {
  readonly url: string | undefined;
  readonly token: string | undefined;
  /** The proxy's state folder. */
  readonly state: string;
}

/** Flags, and where they are from. */
export interface ReadFlags {
  readonly said: SaidFlags;
  readonly from: 'server' | 'disk' | 'nowhere';
  /** For people. */
  readonly note: string;
}

const TIMEOUT_MS = 3_000;

/** Asks the server, once; where it does not answer, reads what the proxy keeps. Writes nothing. */
export async function readFlags({ url, token, state }: FlagSources): Promise<ReadFlags> {
  let trouble = 'no flag server is known (UNLEASH_URL)';
  if (url !== undefined) {
    try {
      return { said: await ask(url, token), from: 'server', note: `the flag server says so now (${url})` };
    } catch (error) {
      trouble = `the flag server does not answer (${url}: ${causeOf(error)})`;
    }
  }
  const file = join(state, 'flags', 'flags.json');
  try {
    const said = await readKept(file);
    if (said === undefined) throw Object.assign(new Error('nothing is kept'), { code: 'ENOENT' });
    const { mtime } = await stat(file);
    return { said, from: 'disk', note: `${trouble}; kept at ${mtime.toISOString()} in ${file}` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const kept = code === 'ENOENT' ? `nothing is kept in ${file}` : `${file}: ${message}`;
    return { said: { features: [] }, from: 'nowhere', note: `${trouble}, and ${kept}: every flag is off` };
  }
}

async function ask(url: string, token: string | undefined): Promise<SaidFlags> {
  const answer = await fetch(`${url.replace(/\/$/, '')}/client/features`, {
    headers: { Accept: 'application/json', ...(token === undefined ? {} : { Authorization: token }) },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  const said = (await answer.json()) as SaidFlags;
  const fault = faultOf(said?.features, false);
  if (fault !== undefined) throw new Error(fault);
  return said;
}

function causeOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause?.code ?? cause?.message ?? message;
}
