import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionLost, StreamStop } from '../../errors.ts';
import type { ConnectRest } from './connect-rest.ts';

/** How long a connector may take to run once it was told to. */
const RUNNING_WITHIN_MS = 60_000;

/**
 * Registers the connector as it has to be, and starts what has failed once more. To be called when the slot was found to be
 * whole: a connector that goes on with a slot which lacks something would pass over it.
 *
 * @throws {StreamStop} `connector-paused` or `connector-failed`.
 */
export async function ensureRunning(
  rest: ConnectRest,
  name: string,
  wanted: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const { name: _, ...found } = (await rest.settings(name)) ?? {};
  const same = Object.keys({ ...found, ...wanted }).every((key) => found[key as keyof typeof found] === wanted[key]);
  if (!same) await rest.put(name, wanted);
  const deadline = Date.now() + RUNNING_WITHIN_MS;
  let restarted = false;
  for (;;) {
    const status = await rest.status(name);
    if (status) refusePaused(name, status.state, status.task);
    if (status?.state === 'RUNNING' && status.task === 'RUNNING') return;
    if (status && (status.state === 'FAILED' || status.task === 'FAILED')) {
      if (restarted) throw connectorFailed(name, status.trace);
      restarted = true;
      await rest.restart(name);
      await sleep(1_000, undefined, { signal });
    }
    if (Date.now() > deadline) {
      throw new ConnectionLost(`Kafka Connect: ${name} does not run after ${RUNNING_WITHIN_MS / 1_000} s`);
    }
    await sleep(100, undefined, { signal });
  }
}

/** @throws {StreamStop} `connector-paused`. Somebody wanted that, so it is not for us to end it. */
export function refusePaused(name: string, state: string, task: string | undefined): void {
  const held = [state, task].find((each) => each === 'PAUSED' || each === 'STOPPED');
  if (!held) return;
  throw new StreamStop(
    'connector-paused',
    `the connector ${name} is ${held.toLowerCase()}, by someone's wish`,
    `While it is, the source keeps its log. PUT ${`/connectors/${name}/resume`} to Kafka Connect; the stream goes on by itself.`,
  );
}

function connectorFailed(name: string, trace: string | undefined): StreamStop {
  const first = trace?.split('\n')[0]?.slice(0, 2_000) ?? 'no reason was given';
  const cause = /\nCaused by: (.*)/.exec(trace ?? '')?.[1]?.slice(0, 1_000);
  return new StreamStop(
    'connector-failed',
    `Debezium's task of ${name} fails, also when it is started again: ${first}${cause ? ` (${cause})` : ''}`,
    'Mend what it says; it is started again, now and then, and the stream goes on by itself.',
  );
}
