import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as guard from '../../guard/index.ts';
import type { Attempt } from '../attempt.ts';
import { otherSide } from '../databases.ts';
import { countParked } from '../parked.ts';
import type { Finding } from './finding.ts';

const PROBE_MS_MAX = 10_000;
const LOOK_EVERY_MS = 10;
const FIX = 'npx cdc status, and npx cdc doctor';

/** A probe travels each stream, forward and reverse, and is seen to arrive: that is the lag. */
export async function checkStreams(attempt: Attempt): Promise<Finding> {
  if (attempt.dryRun) return { ok: true, found: 'a probe would be sent through both streams', mend: null };
  const { lagMsMax } = attempt.gates;
  const [forward, reverse] = await Promise.all([travel(attempt, 'forward'), travel(attempt, 'reverse')]);
  const lost = [...(forward === undefined ? ['forward'] : []), ...(reverse === undefined ? ['reverse'] : [])];
  if (lost.length > 0) {
    const found = `a probe has not arrived through the ${lost.join(' and the ')} stream within ${PROBE_MS_MAX / 1_000} s`;
    return { ok: false, found, mend: FIX };
  }
  const found = `a probe took ${forward} ms forward, ${reverse} ms reverse`;
  if (Math.max(forward ?? 0, reverse ?? 0) <= lagMsMax) return { ok: true, found, mend: null };
  return { ok: false, found: `${found}; at most ${lagMsMax} ms is allowed`, mend: `Let them catch up: ${FIX}` };
}

/** Nothing waits in a dead letter, in either direction. */
export async function checkParked({ databases, migration }: Attempt): Promise<Finding> {
  const { capability } = migration;
  const [forward, reverse] = await Promise.all([
    countParked(databases.service, capability, 'forward'),
    countParked(databases.monolith, capability, 'reverse'),
  ]);
  if (forward + reverse === 0) return { ok: true, found: 'nothing is parked', mend: null };
  return {
    ok: false,
    found: `${forward} events are parked forward, ${reverse} reverse`,
    mend: 'npx cdc dead-letters list shows their causes; mend these, then npx cdc dead-letters replay --all',
  };
}

/** Milliseconds from one database to the other's ledger, or undefined. */
async function travel(
  { databases, migration }: Attempt,
  direction: 'forward' | 'reverse',
): Promise<number | undefined> {
  const { capability } = migration;
  const from = direction === 'forward' ? 'monolith' : 'service';
  const to = databases[otherSide(from)];
  const id = randomUUID();
  const began = performance.now();
  await guard.probe(databases[from], capability, id);
  while (performance.now() - began < PROBE_MS_MAX) {
    const [ledger] = await to(`SELECT to_regclass('strangler.stream_marker') IS NOT NULL AS there`, []);
    const rows = ledger?.there
      ? await to(
          `SELECT 1 AS arrived FROM strangler.stream_marker
           WHERE capability = $1 AND direction = $2 AND kind = 'probe' AND attempt = $3`,
          [capability, direction, id],
        )
      : [];
    if (rows.length > 0) return Math.round(performance.now() - began);
    await sleep(LOOK_EVERY_MS);
  }
  return undefined;
}
