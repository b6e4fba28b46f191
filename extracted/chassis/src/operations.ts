import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { type Answer, send } from './answer.ts';
import { IDENTITY_HEADER, type Identity, type VerifyIdentity } from './identity.ts';
import type { ApiDocument, ApiOperation, BodyFaults } from './openapi.ts';
import { Problem } from './problem.ts';

/** A request that has passed the document: what an operation works on. */
export interface OperationRequest {
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Query parameters, decoded; of a repeated one the last. */
  readonly query: Readonly<Record<string, string>>;
  /** Who asks; always known where the document's `security` asks for a role. */
  readonly identity: Identity | undefined;
  /**
   * Reads the body and holds it against the document, when the operation is ready for it.
   *
   * @param check finds faults that only the service can know; it gets the fields that keep the document's rules.
   * @throws {Problem} for a body that cannot be read or has faults.
   */
  readBody(check?: (valid: Readonly<Record<string, unknown>>) => Promise<BodyFaults>): Promise<unknown>;
}

/** What a service does for one operation of its document. */
export type Operation = (request: OperationRequest) => Promise<Answer>;

const BODY_BYTES_MAX = 102_400;

/**
 * Mounts the operations of a document, each as the line: identify, operate, answer.
 *
 * @throws {Error} unless document and operations name the same ids.
 */
export function mountOperations(
  app: Express,
  document: ApiDocument,
  operations: Readonly<Record<string, Operation>>,
  verify: VerifyIdentity,
): void {
  const documented = document.operations.map((operation) => operation.id);
  const faults = [
    ...documented.filter((id) => !Object.hasOwn(operations, id)).map((id) => `no code for operation "${id}"`),
    ...Object.keys(operations)
      .filter((id) => !documented.includes(id))
      .map((id) => `operation "${id}" is not in the OpenAPI document`),
  ];
  if (faults.length > 0) throw new Error(`Code and OpenAPI document differ: ${faults.join('; ')}`);

  for (const operation of document.operations) {
    const operate = operations[operation.id] as Operation;
    app[operation.method](expressPath(operation.path), named(operation), answerWith(operation, operate, verify));
  }
  for (const path of new Set(document.operations.map((operation) => operation.path))) {
    app.all(expressPath(path), refuseMethod(document.operations.filter((operation) => operation.path === path)));
  }
}

/** `/api/products/{id}` to Express's `/api/products/:id`. */
function expressPath(template: string): string {
  return template.replaceAll(/\{(\w+)\}/g, ':$1');
}

function named(operation: ApiOperation): RequestHandler {
  return (_request, response, next) => {
    response.locals.route = operation.path;
    next();
  };
}

function answerWith(operation: ApiOperation, operate: Operation, verify: VerifyIdentity): RequestHandler {
  return async (request, response) => {
    const identity = operation.role === undefined ? undefined : await identify(request, operation.role, verify);
    const answer = await operate({
      params: request.params as Record<string, string>,
      query: lastOfEach(request),
      identity,
      readBody: (check) => readBody(operation, request, response, check),
    });
    send(response, answer);
  };
}

async function identify(request: Request, role: string, verify: VerifyIdentity): Promise<Identity> {
  const identity = await verify(request.get(IDENTITY_HEADER));
  if (!identity) throw new Problem('unauthenticated');
  if (identity.role !== role) throw new Problem('forbidden');
  return identity;
}

const parseJson = express.json({ limit: BODY_BYTES_MAX, verify: refuseEmpty });

/** Express takes an empty body for an empty object; a JSON text has a value in it (RFC 8259, 2). */
function refuseEmpty(_request: unknown, _response: unknown, body: Buffer): void {
  if (body.length === 0) throw new Problem('malformed-json');
}

async function readBody(
  operation: ApiOperation,
  request: Request,
  response: Response,
  check?: (valid: Readonly<Record<string, unknown>>) => Promise<BodyFaults>,
): Promise<unknown> {
  if (!operation.readBody) throw new Error(`Operation "${operation.id}" has no request body in the OpenAPI document`);
  await new Promise<void>((done, fail) => parseJson(request, response, (error) => (error ? fail(error) : done())));
  if (request.body === undefined) throw new Problem(hasBody(request) ? 'unsupported-media-type' : 'malformed-json');
  const { value, faults, withFaults } = operation.readBody(request.body);
  if (Object.hasOwn(faults, '')) throw new Problem('malformed-json');
  const valid = Object.entries(value as object).filter(([name]) => !Object.hasOwn(faults, name));
  const fields = check ? withFaults(await check(Object.fromEntries(valid))) : faults;
  if (Object.keys(fields).length > 0) throw new Problem('invalid-body', { fields });
  return value;
}

/** RFC 9112, 6.3: a request has a body if it says so by one of these. */
function hasBody(request: Request): boolean {
  return request.get('transfer-encoding') !== undefined || request.get('content-length') !== undefined;
}

function lastOfEach(request: Request): Record<string, string> {
  const entries = Object.entries(request.query as Record<string, string | string[]>);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? (value.at(-1) ?? '') : value]),
  );
}

function refuseMethod(operations: readonly ApiOperation[]): RequestHandler {
  const known = operations.map((operation) => operation.method.toUpperCase());
  const allow = [...new Set(known.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))].join(', ');
  return (_request, response: Response) => {
    response.set('allow', allow);
    throw new Problem('method-not-allowed');
  };
}

/** What Express and its body parser throw, as a {@link Problem}; undefined for what is none of theirs. */
export function problemOfExpress(error: Parameters<ErrorRequestHandler>[0]): Problem | undefined {
  const { type, status } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  if (type === 'entity.parse.failed') return new Problem('malformed-json', { cause: error });
  if (type === 'entity.too.large') return new Problem('body-too-large', { cause: error });
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') {
    return new Problem('unsupported-media-type', { cause: error });
  }
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new Problem('malformed-request', { cause: error });
  return undefined;
}
