export type { Answer, ContractAnswers } from './answer.ts';
export {
  type CommonConfiguration,
  ConfigurationError,
  commonSettings,
  readConfiguration,
  type Secret,
  secret,
  wholeNumber,
} from './configuration.ts';
export { createPool } from './database.ts';
export { IDENTITY_HEADER, type Identity } from './identity.ts';
export { createLogger, type Logger } from './log.ts';
export { applyMigrations } from './migrations.ts';
export { type ApiDocument, type ApiOperation, type BodyFaults, loadDocument } from './openapi.ts';
export type { Operation, OperationRequest } from './operations.ts';
export { Problem, type ProblemCode } from './problem.ts';
export { type RunningService, type ServiceDefinition, startService, stopOnSignals } from './service.ts';
