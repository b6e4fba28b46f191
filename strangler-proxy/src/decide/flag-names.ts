import type { DeclaredRoute } from '../match/route-table.ts';

/** All read traffic goes to the owner, at once. */
export const KILL_SWITCH = 'strangler.kill-switch';

/** The flag that says which share of a route's requests the service answers. */
export function serveFlag({ name }: DeclaredRoute): string {
  return `${name}.serve`;
}

/** The flag that says which share of a route's requests is also sent to the other side, and compared. */
export function shadowFlag({ name }: DeclaredRoute): string {
  return `${name}.shadow`;
}
