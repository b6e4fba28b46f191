/** Where the forwarding of the control's answer reports what passes; none of it throws, waits or keeps the chunk. */
export interface ControlTap {
  head(status: number, rawHeaders: readonly string[]): void;
  data(chunk: Buffer): void;
  end(): void;
  /** The answer broke off, the client left, or the upstream failed. */
  abort(): void;
}

/** One that tells both; undefined for none. */
export function joinTaps(one: ControlTap | undefined, other: ControlTap | undefined): ControlTap | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    head(status, rawHeaders) {
      one.head(status, rawHeaders);
      other.head(status, rawHeaders);
    },
    data(chunk) {
      one.data(chunk);
      other.data(chunk);
    },
    end() {
      one.end();
      other.end();
    },
    abort() {
      one.abort();
      other.abort();
    },
  };
}
