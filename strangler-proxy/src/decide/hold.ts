import type { IncomingMessage, ServerResponse } from 'node:http';

/** Bounds on the writes that wait, of all capabilities together. */
export interface HoldLimits {
  /** Default 1,000. */
  readonly requestsMax?: number;
  /** Heads, and what Node reads ahead of a body that nobody asks for. Default 32 MiB. */
  readonly bytesMax?: number;
  /** How long one request waits at most. Default 10 s. */
  readonly waitMsMax?: number;
}

/** Why a write that waited was turned away; both are 503 with `Retry-After`, and nothing of it was sent anywhere. */
export type HoldRefusal = 'writes-held' | 'writes-held-full';

/** How the wait of one write ended. */
export type HoldEnd = 'released' | 'left' | HoldRefusal;

/** What is known of the writes of one capability. */
export interface HoldCounts {
  readonly capability: string;
  readonly isHeld: boolean;
  /** Writes that wait. */
  readonly waiting: number;
  /** Writes that are with an upstream. */
  readonly inFlight: number;
  readonly ended: Readonly<Record<HoldEnd, number>>;
}

/** One write that comes by. */
export interface HeldWrite {
  readonly capability: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** It may go now, at once or once the hold has ended. Whom to is decided then, not before. */
  go(): void;
  refuse(code: HoldRefusal): void;
  /** The client has left: nobody wants it any more, so it is sent nowhere. */
  left(): void;
}

/**
 * The pass at which writes wait while their capability changes hands. Whoever is already on the way to the old owner ends
 * there; whoever comes after {@link Hold.start} waits, with its body unread, so that the client's own connection is what
 * holds it back.
 *
 * It never lets go by itself: past a bound it refuses, and only {@link Hold.release} lets go, once somebody knows who owns
 * the writes.
 */
export interface Hold {
  /** Lets the write go at once, or keeps it. Exactly one of its three callbacks is called, once. */
  pass(write: HeldWrite): void;
  /** Counts a write that is with an upstream, until what this gives is called. */
  began(capability: string): () => void;
  start(capability: string): void;
  release(capability: string): void;
  /** Calls back whenever the last write of a capability that was with an upstream has ended. */
  onIdle(listener: () => void): void;
  counts(capability: string): HoldCounts;
  /** Every capability that has had a write or a hold. */
  all(): readonly HoldCounts[];
}

interface Writes {
  readonly waiting: Set<{ readonly settle: (end: HoldEnd) => void }>;
  readonly ended: Record<HoldEnd, number>;
  isHeld: boolean;
  inFlight: number;
}

/** What Node reads of a body before anybody asks for it, at most: the high-water mark of a request. */
const READ_AHEAD_BYTES_MAX = 64 * 1024;
const REQUESTS_MAX = 1_000;
const BYTES_MAX = 32 * 1024 * 1024;
const WAIT_MS_MAX = 10_000;

export function createHold(limits: HoldLimits = {}): Hold {
  const { requestsMax = REQUESTS_MAX, bytesMax = BYTES_MAX, waitMsMax = WAIT_MS_MAX } = limits;
  const writes = new Map<string, Writes>();
  const idle: (() => void)[] = [];
  let requests = 0;
  let bytes = 0;

  function of(capability: string): Writes {
    let found = writes.get(capability);
    if (found === undefined) {
      found = {
        waiting: new Set(),
        ended: { released: 0, left: 0, 'writes-held': 0, 'writes-held-full': 0 },
        isHeld: false,
        inFlight: 0,
      };
      writes.set(capability, found);
    }
    return found;
  }

  function keep(write: HeldWrite, held: Writes): void {
    const size = sizeOf(write.request);
    if (requests >= requestsMax || bytes + size > bytesMax) {
      held.ended['writes-held-full']++;
      write.refuse('writes-held-full');
      return;
    }
    requests++;
    bytes += size;
    const onClose = () => waiter.settle('left');
    const waiter = {
      settle(end: HoldEnd) {
        requests--;
        bytes -= size;
        clearTimeout(tooLong);
        write.response.off('close', onClose);
        held.waiting.delete(waiter);
        held.ended[end]++;
        if (end === 'released') write.go();
        else if (end === 'left') write.left();
        else write.refuse(end);
      },
    };
    const tooLong = setTimeout(() => waiter.settle('writes-held'), waitMsMax);
    write.response.on('close', onClose);
    held.waiting.add(waiter);
  }

  const countsOf = (capability: string, { isHeld, waiting, inFlight, ended }: Writes): HoldCounts => ({
    ...{ capability, isHeld, inFlight, ended },
    waiting: waiting.size,
  });

  return {
    pass(write) {
      const held = of(write.capability);
      if (held.isHeld) keep(write, held);
      else write.go();
    },
    began(capability) {
      const counted = of(capability);
      counted.inFlight++;
      return () => {
        counted.inFlight--;
        if (counted.inFlight === 0) for (const listener of idle) listener();
      };
    },
    start(capability) {
      of(capability).isHeld = true;
    },
    release(capability) {
      const held = of(capability);
      held.isHeld = false;
      // In the order in which they came.
      for (const waiter of [...held.waiting]) waiter.settle('released');
    },
    onIdle: (listener) => void idle.push(listener),
    counts: (capability) => countsOf(capability, of(capability)),
    all: () => [...writes].map(([capability, each]) => countsOf(capability, each)),
  };
}

function sizeOf({ rawHeaders, headers }: IncomingMessage): number {
  let head = 0;
  for (const text of rawHeaders) head += text.length;
  if (headers['transfer-encoding'] !== undefined) return head + READ_AHEAD_BYTES_MAX;
  return head + Math.min(Number(headers['content-length'] ?? 0), READ_AHEAD_BYTES_MAX);
}
