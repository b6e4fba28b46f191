import { leastBusy } from '../forward/admission.ts';
import type { Upstream } from '../forward/upstreams.ts';

/** What happens on the way of one call; exactly one of `end` and `failed` comes last. */
export interface CallEvents {
  head(status: number, rawHeaders: readonly string[]): void;
  data(chunk: Buffer): void;
  end(): void;
  failed(error: Error): void;
}

/** What is sent. */
export interface Call {
  readonly method: string;
  /** As the client wrote it. */
  readonly target: string;
  readonly headers: string[];
  readonly timeoutMs: number;
}

/** Sends one request without a body, once. @returns how to give it up; then no event follows. */
export function callCandidate(upstream: Upstream, call: Call, events: CallEvents): () => void {
  let isOver = false;
  let abort: ((reason: Error) => void) | undefined;
  const finish = (last: () => void) => {
    if (!isOver) {
      isOver = true;
      last();
    }
  };
  const instance = leastBusy(upstream);
  const options = {
    origin: instance.origin,
    path: call.target,
    method: call.method as 'GET' | 'HEAD',
    headers: call.headers,
    headersTimeout: call.timeoutMs,
    bodyTimeout: call.timeoutMs,
    ...(instance.servername === undefined ? {} : { servername: instance.servername }),
  };
  try {
    instance.dispatcher.dispatch(options, {
      onRequestStart(controller) {
        abort = (reason) => controller.abort(reason);
        if (isOver) {
          abort(givenUp);
        }
      },
      onResponseStart(controller, status, headers) {
        // An interim answer (1xx) precedes the one that is meant.
        if (!isOver && status >= 200) {
          events.head(status, rawPairs(controller.rawHeaders ?? headers));
        }
      },
      onResponseData(_controller, chunk) {
        if (!isOver) {
          events.data(chunk);
        }
      },
      onResponseEnd() {
        finish(() => events.end());
      },
      onResponseError(_controller, error) {
        finish(() => events.failed(error));
      },
    });
  } catch (error) {
    finish(() => events.failed(error as Error));
  }
  return () => {
    finish(() => abort?.(givenUp));
  };
}

const givenUp = new Error('The shadow request was given up');

type RawHeaders = readonly Buffer[] | readonly string[] | Readonly<Record<string, string | string[] | undefined>>;

function rawPairs(headers: RawHeaders): readonly string[] {
  if (Array.isArray(headers)) {
    return headers.map((part: Buffer | string) => (typeof part === 'string' ? part : part.toString('latin1')));
  }
  return Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().flatMap((one) => [name, String(one)]));
}
