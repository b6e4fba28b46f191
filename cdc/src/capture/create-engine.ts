import type { EngineSettings } from '../config.ts';
import { debeziumEngine } from './debezium/engine.ts';
import { embeddedEngine } from './embedded/engine.ts';
import type { CaptureEngine } from './engine.ts';

/** The engine that the configuration chooses. */
export function createEngine(settings: EngineSettings): CaptureEngine {
  return settings.name === 'embedded' ? embeddedEngine : debeziumEngine(settings);
}
