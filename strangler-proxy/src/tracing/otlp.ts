import { DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { PROXY_NAME } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { createTracing, type Tracing } from './tracing.ts';

/** Spans that are sent to a collector by OTLP over HTTP. */
export interface ExportedTracing extends Tracing {
  /** Sends what is left, and ends. */
  close(): Promise<void>;
}

/**
 * Begins to export. The exporter reads its own variables (`OTEL_EXPORTER_OTLP_*`); what it cannot send it drops, after a
 * queue that is bounded.
 */
export function exportTracing(env: NodeJS.ProcessEnv, logger: Logger): ExportedTracing {
  const say = (message: string) =>
    logger.warn({ trouble: message }, 'Trouble with traces; nobody was served worse for it');
  diag.setLogger({ error: say, warn: say, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': PROXY_NAME }))
    .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }));
  const provider = new TracerProvider({
    resource,
    sampler: samplerOf(env),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  });
  return {
    ...createTracing(provider.getTracer(PROXY_NAME)),
    close: () => provider.shutdown().catch((error: unknown) => say(String(error))),
  };
}

/** `OTEL_TRACES_SAMPLER`, as the specification has it; what it does not have is its default. */
function samplerOf({ OTEL_TRACES_SAMPLER: name = '', OTEL_TRACES_SAMPLER_ARG: argument }: NodeJS.ProcessEnv): Sampler {
  const ratio = Number(argument ?? 1);
  const roots: Readonly<Record<string, () => Sampler>> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio >= 0 && ratio <= 1 ? ratio : 1),
  };
  const root = (roots[name.replace(/^parentbased_/, '')] ?? (() => new AlwaysOnSampler()))();
  return name in roots ? root : new ParentBasedSampler({ root });
}
