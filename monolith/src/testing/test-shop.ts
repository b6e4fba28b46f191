import { createServer } from 'node:http';
import { createDatabase } from '@strangler/stack/testing';
import { pino } from 'pino';
import { createApp } from '../app.ts';
import { type Database, openDatabase } from '../database.ts';
import { migrate } from '../migrate.ts';
import { readSettings, type Settings } from '../settings.ts';
import { hashPassword } from '../users/passwords.ts';

/** A shop on an empty database of its own, serving on loopback. */
export interface TestShop {
  readonly url: string;
  readonly databaseUrl: string;
  readonly database: Database;
  /** A visitor with a cookie jar of their own. */
  visitor(): Visitor;
  /** A visitor who has logged in with {@link addUser}'s password. */
  loggedIn(email: string): Promise<Visitor>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect in it, and fail if it is not there.
  readonly body: any;
}

export interface Visitor {
  cookie: string | undefined;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Sends a plain HTML form. */
  form(path: string, fields: Record<string, string>): Promise<Answer>;
}

const PASSWORD = 'secret';
let hash: Promise<string> | undefined;

export async function startTestShop(changes: Partial<Settings> = {}): Promise<TestShop> {
  const created = await createDatabase('shop');
  await migrate(created.url);
  const settings = { ...readSettings({ DATABASE_URL: created.url, LOG_LEVEL: 'silent' }), ...changes };
  const log = pino({ level: 'silent' });
  const database = openDatabase(settings.databaseUrl, log);
  const server = createServer(createApp({ database, settings, log, isStopping: () => false }));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return {
    url,
    databaseUrl: created.url,
    database,
    visitor: () => visitor(url),
    async loggedIn(email) {
      const person = visitor(url);
      const answer = await person.send('POST', '/api/login', { email, password: PASSWORD });
      if (answer.status !== 200) throw new Error(`${email} cannot log in: ${answer.text}`);
      return person;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await database.close();
      await created.drop();
    },
  };
}

function visitor(url: string): Visitor {
  const person: Visitor = {
    cookie: undefined,
    get: (path, headers = {}) => ask('GET', path, undefined, headers),
    send: (method, path, body, headers = {}) =>
      ask(method, path, body === undefined ? undefined : JSON.stringify(body), {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      }),
    form: (path, fields) =>
      ask('POST', path, new URLSearchParams(fields).toString(), {
        'content-type': 'application/x-www-form-urlencoded',
      }),
  };
  return person;

  async function ask(
    method: string,
    path: string,
    body: string | undefined,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: { ...(person.cookie === undefined ? {} : { cookie: person.cookie }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const set = response.headers.getSetCookie()[0];
    if (set !== undefined) person.cookie = set.split(';', 1)[0]!;
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
  }
}

export async function addUser({ prisma }: Database, email: string, role: 'C' | 'A' = 'C'): Promise<number> {
  hash ??= hashPassword(PASSWORD, undefined, 16);
  const row = await prisma.usr.create({ data: { eml: email, usr_nm: 'Anna Berger', pw_hsh: await hash, rl: role } });
  return row.usr_id;
}

interface ProductColumns {
  prod_id: number;
  prod_nm?: string;
  prod_dsc?: string;
  brnd_nm?: string;
  sku?: string;
  cat_path?: string;
  prod_prc?: string;
  old_prc?: string;
  attr_txt?: string;
  prod_st?: number;
  tax_cd?: number;
  wght_g?: number;
  crt_dt?: Date;
  upd_dt?: Date;
  /** Pieces on hand; without it there is no stock row. */
  stock?: number;
}

/** Adds a product; what is not given is unremarkable. */
export async function addProduct({ prisma }: Database, { stock, ...columns }: ProductColumns): Promise<void> {
  const { prod_id } = columns;
  await prisma.prod.create({
    data: { sku: `T-${prod_id}`, prod_nm: `Thing ${prod_id}`, cat_path: 'home', prod_prc: '10.00', ...columns },
  });
  if (stock !== undefined) await prisma.inv.create({ data: { prod_id, qty_oh: stock } });
}

export async function addCategory(
  { prisma }: Database,
  cat_path: string,
  cat_nm: string,
  srt = 0,
  actv = 'Y',
): Promise<void> {
  await prisma.categ.create({ data: { cat_cd: cat_path.split('/').at(-1)!, cat_path, cat_nm, srt, actv } });
}
