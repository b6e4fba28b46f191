import type pg from 'pg';
import type { Logger } from 'pino';
import type { TableName } from 'strangler-migrations/define';
import { type PublicationIdentity, verifyPublication } from './capture/embedded/publication.ts';
import { readSlot } from './capture/embedded/slot.ts';
import { describeError, isTransient, StreamStop } from './errors.ts';
import { parseLsn } from './position.ts';
import type { Monitor } from './status/monitor.ts';

export interface HeartbeatOptions {
  /** An ordinary session of the source. */
  readonly source: pg.Client;
  readonly slot: string;
  /** The tables that the stream carries. */
  readonly tables: readonly TableName[];
  readonly publication: PublicationIdentity;
  readonly everyMs: number;
  /** As a transaction of its own: what reads the slot may have to see one before it goes on. */
  readonly transactional: boolean;
  readonly monitor: Monitor;
  readonly log: Logger;
  /** Called when the source's session is lost, or its publication no longer carries the stream: not to go on as if. */
  broken(error: Error): void;
}

/**
 * Writes a small message to the source's log at intervals. It belongs to no table; it makes an idle
 * stream's position and lag move, and lets PostgreSQL forget log that only other databases have written.
 *
 * A beat that the source refuses is only logged: the stream does without.
 */
export function startHeartbeat(options: HeartbeatOptions): () => void {
  const { source, slot, monitor, log } = options;
  let { publication } = options;
  let running = true;
  let warned = false;
  let timer: NodeJS.Timeout | undefined;

  const beat = async () => {
    try {
      const { rows } = await source.query(
        `SELECT pg_catalog.pg_logical_emit_message($1, 'strangler', 'heartbeat')::text AS lsn`,
        [options.transactional],
      );
      monitor.marked(parseLsn(rows[0].lsn), options.everyMs);
      const state = await readSlot(source, slot);
      if (state) monitor.slot(state.retainedBytes, state.safeBytes);
      const { identity, denied } = await verifyPublication(source, slot, options.tables, publication);
      publication = identity;
      if (denied && !warned) log.warn({ fix: denied.fix }, `strangler.marker is not published: ${denied.message}`);
      warned = denied !== undefined;
    } catch (error) {
      if (error instanceof StreamStop || isTransient(error)) options.broken(error as Error);
      else if (running) log.warn(`heartbeat: ${describeError(error)}`);
    }
    if (running) timer = setTimeout(beat, options.everyMs);
  };
  void beat();

  return () => {
    running = false;
    clearTimeout(timer);
  };
}
