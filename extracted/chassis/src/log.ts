import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** A logger that writes JSON lines; times are ISO 8601 in UTC. `destination` is standard output unless given. */
export function createLogger(service: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: ['*.authorization', '*.cookie', '*.password', '*["x-strangler-identity"]'],
  };
  return destination ? pino(options, destination) : pino(options);
}
