export type { Capture, Captured } from './capture/capture.ts';
export { embeddedEngine } from './capture/embedded/engine.ts';
export type { ChangeEvent, EventSource, Operation, Row } from './change-event.ts';
export { type Configuration, ConfigurationError, readConfiguration } from './config.ts';
export { type Check, examine } from './doctor.ts';
export { type StopCode, StreamStop } from './errors.ts';
export { DEFAULT_LIMITS, type StreamLimits } from './limits.ts';
export { comparePositions, type Epoch, formatPosition, type Position } from './position.ts';
export { runStreams } from './run.ts';
export {
  createMonitor,
  type Monitor,
  type StreamReason,
  type StreamState,
  type StreamStatus,
} from './status/monitor.ts';
export { runStream, type StreamOptions } from './stream.ts';
export type { StreamName } from './stream-name.ts';
