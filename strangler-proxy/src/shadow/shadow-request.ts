import type { Migration, Route } from 'strangler-migrations/define';

/** One request that is being served, and of which a copy goes to the other side. */
export interface ShadowRequest {
  readonly route: Route;
  readonly migration: Migration;
  /** Name of the upstream whose answer the client gets. */
  readonly control: string;
  /** Name of the upstream that gets the copy. */
  readonly candidate: string;
  readonly method: string;
  /** As the client wrote it. */
  readonly target: string;
  /** Names and values in turn, as they are sent to the control. */
  readonly headers: readonly string[];
}
