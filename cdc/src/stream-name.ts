/** Which way rows flow: forward is from the monolith to the service. */
export type Direction = 'forward' | 'reverse';

/** The name of one stream: one per capability and direction. */
export interface StreamName {
  readonly capability: string;
  readonly direction: Direction;
}
