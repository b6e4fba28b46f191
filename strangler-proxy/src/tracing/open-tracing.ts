import type { Logger } from '../logger.ts';
import type { ExportedTracing } from './otlp.ts';

/**
 * Begins to export traces if OpenTelemetry's own variables say so: an endpoint, or `OTEL_TRACES_EXPORTER=otlp`.
 * Otherwise nothing of OpenTelemetry is even loaded.
 */
export async function openTracing(env: NodeJS.ProcessEnv, logger: Logger): Promise<ExportedTracing | undefined> {
  if (!isOn(env)) return undefined;
  const { exportTracing } = await import('./otlp.ts');
  return exportTracing(env, logger);
}

export function isOn(env: NodeJS.ProcessEnv): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false;
  if (env.OTEL_TRACES_EXPORTER) return env.OTEL_TRACES_EXPORTER === 'otlp';
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}
