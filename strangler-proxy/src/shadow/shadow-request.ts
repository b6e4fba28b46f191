import type { Migration, Route } from 'strangler-migrations/define';
import type { Said } from '../identity/index.ts';
import type { ShadowSpan } from '../tracing/tracing.ts';

/** One request that is being served, and of which a copy goes to the other side. */
export interface ShadowRequest {
  readonly route: Route;
  readonly migration: Migration;
  /** Name of the owner's upstream: what it answers is right. */
  readonly control: string;
  /** Name of the other side's upstream. */
  readonly candidate: string;
  /** Whose answer the client gets; the other one gets the copy. */
  readonly served: Role;
  readonly method: string;
  /** As the client wrote it. */
  readonly target: string;
  /** Names and values in turn, as they are sent to whoever serves. */
  readonly headers: readonly string[];
  /** What says to a service who is asking; nothing by default. Undefined, once it is known: nobody can say. */
  readonly identity?: Said | Promise<Said>;
  /** Begins the span of the copy; undefined: nobody traces. */
  readonly span?: (() => ShadowSpan) | undefined;
}

/** The two answers that are compared: the owner's, and the other's. */
export type Role = 'control' | 'candidate';
