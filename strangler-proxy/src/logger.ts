/** What the proxy says about itself. A pino logger fits. */
export interface Logger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** Says nothing. */
export const SILENT: Logger = { info() {}, warn() {}, error() {} };
