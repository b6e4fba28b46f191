import { readFile } from 'node:fs/promises';
import { Ajv2020, type ErrorObject, type Format, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import * as z from 'zod';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
type Method = (typeof METHODS)[number];

/** One operation of a service's OpenAPI document. */
export interface ApiOperation {
  readonly id: string;
  readonly method: Method;
  /** As the document has it: `/api/products/{id}`. */
  readonly path: string;
  /** The role that the document's `security` asks for; undefined when anybody may. */
  readonly role: string | undefined;
  /** Reads a JSON body by the document; undefined when the operation takes none. */
  readonly readBody: ((value: unknown) => ReadBody) | undefined;
  /** What the document holds against an answer of this operation; empty when nothing. */
  readonly answerFaults: (status: number, contentType: string | undefined, body: unknown) => string[];
}

/** A sentence for each field that breaks its rule; a fault of the body as a whole is under the empty name. */
export type BodyFaults = Readonly<Record<string, string>>;

/** A body held against its schema. */
export interface ReadBody {
  readonly value: unknown;
  readonly faults: BodyFaults;
  /** Adds faults that only the service can know, in the order in which the document has the fields. */
  withFaults(more: BodyFaults): BodyFaults;
}

/** A service's OpenAPI 3.1 document, read and compiled. */
export interface ApiDocument {
  /** What `/openapi.json` serves. */
  readonly json: unknown;
  readonly operations: readonly ApiOperation[];
}

/** What this reads of a document; that it is OpenAPI at all is for a test of the service to prove. */
const mediaTypes = z.record(z.string(), z.object({ schema: z.unknown() }));
const operationShape = z.object({
  operationId: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  requestBody: z.object({ content: mediaTypes }).optional(),
  responses: z.record(z.string(), z.object({ $ref: z.string().optional(), content: mediaTypes.optional() })),
});
const documentShape = z.object({
  paths: z.record(z.string(), z.partialRecord(z.enum(METHODS), operationShape)),
  components: z.object({ responses: z.record(z.string(), z.object({ content: mediaTypes.optional() })).optional() }),
});

const DOCUMENT = 'document';

/**
 * Reads a document from YAML and compiles its schemas.
 *
 * @param formats string and number formats that the document's schemas use beyond JSON Schema's own.
 * @throws {Error} for a document that cannot be used, with the reason.
 */
export async function loadDocument(file: URL, formats: Readonly<Record<string, Format>> = {}): Promise<ApiDocument> {
  const json: unknown = parse(await readFile(file, 'utf8'));
  const { paths, components } = documentShape.parse(json);
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateSchema: false, formats });
  countCodeUnits(ajv);
  addFormats.default(ajv);
  ajv.addSchema(json as object, DOCUMENT);
  const schemaAt = (...pointer: string[]): ValidateFunction => {
    const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
    return ajv.compile({ $ref: `${DOCUMENT}#/${escaped.join('/')}` });
  };

  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): ApiOperation => {
      const place = ['paths', path, method];
      const answers = new Map<string, ValidateFunction | undefined>();
      for (const [status, response] of Object.entries(operation.responses)) {
        const shared = response.$ref?.split('/').at(-1);
        const content = shared === undefined ? response.content : components.responses?.[shared]?.content;
        const base = shared === undefined ? [...place, 'responses', status] : ['components', 'responses', shared];
        if (!content) answers.set(`${status} `, undefined);
        for (const type of Object.keys(content ?? {})) {
          answers.set(`${status} ${type}`, schemaAt(...base, 'content', type, 'schema'));
        }
      }
      const bodySchema = operation.requestBody?.content['application/json']?.schema;
      const validateBody =
        bodySchema === undefined
          ? undefined
          : schemaAt(...place, 'requestBody', 'content', 'application/json', 'schema');
      const properties = propertiesOf(json, bodySchema);
      return {
        id: operation.operationId,
        method: method as Method,
        path,
        role: operation.security?.flatMap((scheme) => Object.values(scheme).flat())[0],
        readBody: validateBody && ((value) => readBody(properties, validateBody, value)),
        answerFaults: (status, contentType, body) => answerFaults(answers, status, contentType, body),
      };
    }),
  );
  return { json, operations };
}

/**
 * JSON Schema counts a text's length in code points; JavaScript, and so every other rule of a service, in UTF-16 code
 * units. One rule for both: that of the code.
 */
function countCodeUnits(ajv: Ajv2020): void {
  const lengths = {
    minLength: (limit: number, text: string) => text.length >= limit,
    maxLength: (limit: number, text: string) => text.length <= limit,
  };
  for (const [keyword, validate] of Object.entries(lengths)) {
    ajv.removeKeyword(keyword);
    ajv.addKeyword({ keyword, type: 'string', schemaType: 'number', validate });
  }
}

type Properties = Readonly<Record<string, z.output<typeof propertyShape>>>;

/**
 * Two words of ours in a body's schema. `x-trim`: blanks around the text are removed before anything else looks at it.
 * `x-fault`: what is said of a value that breaks the rule, whichever part of the rule it is.
 */
const propertyShape = z.object({ 'x-trim': z.boolean().optional(), 'x-fault': z.string().optional() });
const schemaShape = z.object({
  $ref: z.string().startsWith('#/').optional(),
  properties: z.record(z.string(), propertyShape).optional(),
});

/** The properties of a schema that has them itself or is a reference to one that has. */
function propertiesOf(document: unknown, schema: unknown): Properties {
  const { $ref, properties } = schemaShape.parse(schema ?? {});
  if ($ref === undefined) return properties ?? {};
  const names = $ref.slice(2).split('/');
  return propertiesOf(
    document,
    names.reduce((node, name) => (node as Record<string, unknown>)[name], document),
  );
}

function readBody(properties: Properties, validate: ValidateFunction, body: unknown): ReadBody {
  const value = trimmed(properties, body);
  const faults = validate(value) ? {} : bodyFaults(properties, validate.errors ?? []);
  return { value, faults, withFaults: (more) => inOrder(properties, { ...more, ...faults }) };
}

function trimmed(properties: Properties, body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const trim = ([name, value]: [string, unknown]) => [
    name,
    typeof value === 'string' && properties[name]?.['x-trim'] === true ? value.trim() : value,
  ];
  return Object.fromEntries(Object.entries(body).map(trim));
}

function bodyFaults(properties: Properties, errors: readonly ErrorObject[]): BodyFaults {
  const faults: Record<string, string> = {};
  for (const error of errors) {
    const missing: unknown = error.instancePath === '' ? error.params.missingProperty : undefined;
    if (typeof missing === 'string') {
      faults[missing] = 'is required';
    } else {
      const field = error.instancePath.split('/')[1] ?? '';
      faults[field] = properties[field]?.['x-fault'] ?? error.message ?? 'is not right';
    }
  }
  return inOrder(properties, faults);
}

function inOrder(properties: Properties, faults: BodyFaults): BodyFaults {
  const order = ['', ...Object.keys(properties)];
  return Object.fromEntries(Object.entries(faults).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)));
}

function answerFaults(
  answers: ReadonlyMap<string, ValidateFunction | undefined>,
  status: number,
  contentType: string | undefined,
  body: unknown,
): string[] {
  const type = contentType?.split(';')[0] ?? '';
  const name = `${status} ${type}`;
  if (!answers.has(name)) return [`the document knows no answer "${name}"`];
  const validate = answers.get(name);
  if (!validate || validate(body)) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}
