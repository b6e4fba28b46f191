/** Thrown to answer with a status and a JSON body that say why not. Anything else that is thrown is a fault of ours. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(`${status} ${JSON.stringify(body)}`);
    this.status = status;
    this.body = body;
  }
}

/** 422, with a message per field. */
export function invalid(fields: Readonly<Record<string, string>>): Refusal {
  return new Refusal(422, { error: 'INVALID', fields });
}
