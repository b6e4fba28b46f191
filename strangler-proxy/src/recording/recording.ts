import type { Redaction } from '../compare/redact.ts';
import type { ControlTap } from '../shadow/control-tap.ts';
import { type Budget, keepAnswer } from '../shadow/kept-answer.ts';
import { type Exchange, toEntry, toHar } from './har.ts';

/** What is recorded, and how much of it. */
export interface RecordingOptions {
  /** Ends by itself after this time, in milliseconds. */
  readonly milliseconds: number;
  /** And after this many exchanges. */
  readonly exchanges: number;
  /** `catalog.product`, or `catalog` for all of its routes; none for every declared route. */
  readonly routes: readonly string[];
}

/** Bounds that nobody can lift from outside. */
export const recordingBounds = {
  milliseconds: 60 * 60 * 1000,
  exchanges: 10_000,
  /** Bytes of one answer; a larger one is not recorded. */
  answerBytes: 1024 * 1024,
  /** Bytes of everything that is kept, about. */
  totalBytes: 64 * 1024 * 1024,
} as const;

export type SkippedCause = 'unsafe_method' | 'too_large' | 'memory' | 'aborted';

/** How a recording stands. */
export interface RecordingState {
  readonly state: 'none' | 'running' | 'ended';
  /** Why it ended. */
  readonly ended: 'time' | 'exchanges' | 'memory' | 'stopped' | null;
  readonly exchanges: number;
  readonly exchanges_max: number;
  readonly bytes: number;
  readonly seconds_left: number;
  readonly skipped: Readonly<Record<SkippedCause, number>>;
}

/** What is known of a request before its answer. */
export interface RecordedRequest {
  readonly capability: string;
  readonly route: string;
  readonly upstream: string;
  readonly method: string;
  readonly host: string;
  readonly target: string;
  readonly headers: readonly string[];
}

/** Keeps requests of declared routes with their answers, secrets hidden before anything is kept, when asked to. */
export interface Recording {
  /** Whether a recording is under way: asked for each request, so it has to be cheap. */
  readonly isRunning: boolean;
  /** What listens to the answer; undefined if this request is not recorded. */
  tap(request: RecordedRequest): ControlTap | undefined;
  /** Forgets the last recording and starts another. */
  start(options: RecordingOptions): void;
  stop(): void;
  state(): RecordingState;
  /** What was recorded, as an HTTP Archive. */
  har(): object;
}

/** What an exchange takes besides its body, about. */
const entryBytes = 2_000;

/** One recording at a time, in memory. */
export function createRecording(redaction: Redaction): Recording {
  let options: RecordingOptions = { milliseconds: 0, exchanges: 0, routes: [] };
  let entries: object[] = [];
  let bytes = 0;
  let endsAt = 0;
  let state: RecordingState['state'] = 'none';
  let ended: RecordingState['ended'] = null;
  let skipped = noneSkipped();
  let timer: NodeJS.Timeout | undefined;
  let generation = 0;
  const budget: Budget = { bytes: 0, bytesMax: recordingBounds.totalBytes };

  function end(why: NonNullable<RecordingState['ended']>): void {
    if (state !== 'running') {
      return;
    }
    clearTimeout(timer);
    [state, ended] = ['ended', why];
  }

  function keep(mine: number, exchange: Exchange): void {
    if (state !== 'running' || mine !== generation) {
      return;
    }
    entries.push(toEntry(exchange, redaction));
    bytes += exchange.answer.body.length + entryBytes;
    if (entries.length >= options.exchanges) {
      end('exchanges');
    } else if (bytes >= recordingBounds.totalBytes) {
      end('memory');
    }
  }

  return {
    get isRunning() {
      return state === 'running';
    },
    tap(request) {
      const { routes } = options;
      if (
        state !== 'running' ||
        (routes.length > 0 &&
          !routes.includes(request.capability) &&
          !routes.includes(`${request.capability}.${request.route}`))
      ) {
        return undefined;
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        skipped.unsafe_method++;
        return undefined;
      }
      const mine = generation;
      const startedAt = Date.now();
      const from = performance.now();
      const kept = keepAnswer(budget, recordingBounds.answerBytes);
      let isOver = false;
      const give = (cause?: SkippedCause) => {
        isOver = true;
        if (cause !== undefined && mine === generation) {
          skipped[cause]++;
        }
        kept.release();
      };
      return {
        head: (status, rawHeaders) => kept.head(status, rawHeaders, performance.now()),
        data(chunk) {
          const stopped = isOver ? undefined : kept.data(chunk);
          if (stopped !== undefined) {
            give(stopped === 'too_large' ? 'too_large' : 'memory');
          }
        },
        end() {
          const answer = kept.answer();
          if (isOver || answer === undefined || state !== 'running' || mine !== generation) {
            give();
            return;
          }
          const milliseconds = Math.round((performance.now() - from) * 10) / 10;
          // Hiding secrets takes a while in a large body: not while a client waits.
          setImmediate(() => {
            keep(mine, { ...request, answer, startedAt, milliseconds });
            give();
          });
        },
        abort() {
          if (!isOver) {
            give('aborted');
          }
        },
      };
    },
    start(wanted) {
      clearTimeout(timer);
      generation++;
      options = wanted;
      [entries, bytes, skipped, ended, state] = [[], 0, noneSkipped(), null, 'running'];
      endsAt = Date.now() + wanted.milliseconds;
      timer = setTimeout(() => end('time'), wanted.milliseconds).unref();
    },
    stop: () => end('stopped'),
    state: () => ({
      state,
      ended,
      exchanges: entries.length,
      exchanges_max: options.exchanges,
      bytes,
      seconds_left: state === 'running' ? Math.max(0, Math.round((endsAt - Date.now()) / 1000)) : 0,
      skipped: { ...skipped },
    }),
    har: () => toHar(entries),
  };
}

function noneSkipped(): Record<SkippedCause, number> {
  return { unsafe_method: 0, too_large: 0, memory: 0, aborted: 0 };
}
