import type { Writable } from 'node:stream';
import type { Why } from './decide/decide.ts';

/** One request, once it is over. */
export interface AccessEntry {
  readonly requestId: string;
  readonly method: string;
  /** Without the query, which may carry what no log should. */
  readonly path: string;
  readonly route: string;
  /** Where it went in the end, after a fallback too. */
  readonly upstream: string;
  /** Of that upstream; `none` if the proxy answered by itself. */
  readonly side: 'monolith' | 'service' | 'none';
  readonly why: Why;
  /** 499 when the client left before there was an answer. */
  readonly status: number;
  readonly durationMs: number;
  /** From the head of the request until the head of its answer; undefined if none came. */
  readonly upstreamMs: number | undefined;
  /** What the chosen upstream failed with before the owner answered. */
  readonly fallback: string | undefined;
  /** Code of the failure that ended the exchange. */
  readonly failure: string | undefined;
}

/** Writes a line of JSON per request. */
export interface AccessLog {
  write(entry: AccessEntry): void;
  /** Writes what is still held. */
  flush(): void;
}

/** No log. */
export const NO_ACCESS_LOG: AccessLog = { write() {}, flush() {} };

const FLUSH_BYTES = 16 * 1024;
const FLUSH_INTERVAL_MS = 200;
/** What a stream that takes nothing may make us hold; lines beyond it are dropped, and their number is logged. */
const HELD_BYTES_MAX = 4 * 1024 * 1024;

/** Lines are gathered and written together: a write per request would be a system call per request. */
export function createAccessLog(out: Writable): AccessLog {
  let held = '';
  let dropped = 0;
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (held === '') return;
    out.write(held);
    held = '';
  }

  return {
    flush,
    write(entry) {
      if (out.writableLength > HELD_BYTES_MAX) {
        dropped++;
        return;
      }
      if (dropped > 0) {
        held += `{"level":"warn","time":${Date.now()},"msg":"access log lines dropped","count":${dropped}}\n`;
        dropped = 0;
      }
      held += line(entry);
      if (held.length > FLUSH_BYTES) flush();
      else timer ??= setTimeout(flush, FLUSH_INTERVAL_MS).unref();
    },
  };
}

/** By hand, as it is all numbers and known words but for the path and the id of a client. */
function line(entry: AccessEntry): string {
  const { upstreamMs, fallback, failure } = entry;
  return (
    `{"level":"info","time":${Date.now()},"msg":"request","request_id":${JSON.stringify(entry.requestId)},` +
    `"method":"${entry.method}","path":${JSON.stringify(entry.path)},"route":"${entry.route}",` +
    `"upstream":"${entry.upstream}","side":"${entry.side}","why":"${entry.why}","status":${entry.status},` +
    `"duration_ms":${hundredths(entry.durationMs)}` +
    (upstreamMs === undefined ? '' : `,"upstream_ms":${hundredths(upstreamMs)}`) +
    (fallback === undefined ? '' : `,"fallback":"${fallback}"`) +
    (failure === undefined ? '' : `,"failure":"${failure}"`) +
    '}\n'
  );
}

/** With two digits behind the point, as `toFixed(2)` has it at several times the price. */
function hundredths(milliseconds: number): string {
  const all = Math.round(milliseconds * 100);
  const behind = all % 100;
  return `${(all - behind) / 100}.${behind < 10 ? '0' : ''}${behind}`;
}
