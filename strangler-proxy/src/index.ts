export { type AccessEntry, type AccessLog, createAccessLog, NO_ACCESS_LOG } from './access-log.ts';
export { type AdminOptions, type AdminRoute, createAdmin } from './admin/index.ts';
export { type ControlledOwnership, type ControlPlaneOptions, followControlPlane } from './decide/control-plane.ts';
export type { Outcome, RouteFlags, Why } from './decide/decide.ts';
export { type FlagStatus, type Flags, NO_FLAGS } from './decide/flags.ts';
export { createHold, type Hold, type HoldLimits } from './decide/hold.ts';
export { type KeptOrders, keepOrders } from './decide/kept-orders.ts';
export { MONOLITH_OWNS_ALL, type Ownership, type Side } from './decide/ownership.ts';
export { type UnleashFlagsOptions, unleashFlags } from './decide/unleash-flags.ts';
export { PROBLEMS, type Problem, type ProblemCode } from './errors.ts';
export { type UpstreamState, upstreamNotices, upstreamStates } from './forward/upstream-states.ts';
export { createUpstreams, type Upstream, type UpstreamOptions, type Upstreams } from './forward/upstreams.ts';
export {
  configuredKeys,
  createIdentity,
  type Identity,
  type IdentityKeys,
  type IdentityOptions,
  keptKeys,
} from './identity/index.ts';
export type { Logger } from './logger.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { createPins, keptPinKey, type Pins, type PinsOptions } from './pin/index.ts';
export { createProxy, type ProxyOptions, type StranglerProxy } from './proxy.ts';
export { createProxyServer, type ProxyServer, type ServerLimits } from './server.ts';
export { createShadow, type Shadow, type ShadowOptions } from './shadow/index.ts';
export { createTracing, type Tracing } from './tracing/tracing.ts';
