import { randomBytes } from 'node:crypto';
import { parseCookie } from 'cookie';
import type { Request, RequestHandler, Response } from 'express';
import type { Database } from '../database.ts';
import { Refusal } from '../http/refusal.ts';
import { ROLE } from './codes.ts';

const COOKIE = 'shop_sid';
const DAYS = 30;
const DAY_MILLISECONDS = 86_400_000;

/** Who is logged in. */
export interface User {
  readonly id: number;
  readonly email: string;
  readonly name: string;
  readonly role: 'customer' | 'admin';
}

/** A visitor that the shop remembers, logged in or not. */
export interface Session {
  readonly id: string;
  readonly user: User | null;
  /** What the next page says once. */
  readonly flash?: string;
}

/** The session that a request's cookie names, if it has not expired and its user is still active. */
export async function findSession({ prisma }: Database, request: Request): Promise<Session | undefined> {
  const sid = cookieOf(request);
  if (sid === undefined) return undefined;
  const row = await prisma.sess.findFirst({
    where: { sid, exp_dt: { gt: new Date() }, OR: [{ usr_id: null }, { usr: { actv: 'Y' } }] },
    include: { usr: true },
  });
  if (!row) return undefined;
  const { usr } = row;
  const user = usr && { id: usr.usr_id, email: usr.eml, name: usr.usr_nm, role: ROLE.meaning(usr.rl) };
  const { flash } = JSON.parse(row.dat) as { flash?: string };
  return flash === undefined ? { id: sid, user } : { id: sid, user, flash };
}

function cookieOf(request: Request): string | undefined {
  const sid = parseCookie(request.headers.cookie ?? '')[COOKIE];
  return sid !== undefined && /^[A-Za-z0-9_-]{43}$/.test(sid) ? sid : undefined;
}

/** Starts a session and sets its cookie. The caller has checked that the user may. */
export async function openSession(
  { prisma }: Database,
  request: Request,
  response: Response,
  user: User | null,
): Promise<Session> {
  const sid = randomBytes(32).toString('base64url');
  const expires = new Date(Date.now() + DAYS * DAY_MILLISECONDS);
  await prisma.sess.create({ data: { sid, usr_id: user?.id ?? null, exp_dt: expires } });
  response.cookie(COOKIE, sid, { httpOnly: true, sameSite: 'lax', secure: request.secure, path: '/', expires });
  return { id: sid, user };
}

/** The visitor's session, begun now if there is none. */
export async function findOrOpenSession(database: Database, request: Request, response: Response): Promise<Session> {
  return (await findSession(database, request)) ?? (await openSession(database, request, response, null));
}

/** Keeps a sentence for the next page that this visitor sees. */
export async function setFlash({ prisma }: Database, session: Session, flash: string): Promise<void> {
  await prisma.sess.updateMany({ where: { sid: session.id }, data: { dat: JSON.stringify({ flash }) } });
}

/** The sentence that was kept, once. */
export async function takeFlash({ prisma }: Database, session: Session): Promise<string | undefined> {
  if (session.flash === undefined) return undefined;
  await prisma.sess.updateMany({ where: { sid: session.id }, data: { dat: '{}' } });
  return session.flash;
}

/** Ends a session: its cookie is worth nothing from now on, wherever a copy of it is. */
export async function closeSession({ prisma }: Database, request: Request, response: Response): Promise<void> {
  const sid = cookieOf(request);
  if (sid !== undefined) await prisma.sess.deleteMany({ where: { sid } });
  response.clearCookie(COOKIE, { httpOnly: true, sameSite: 'lax', secure: request.secure, path: '/' });
}

/** The logged-in user. @throws Refusal LOGIN */
export async function requireUser(database: Database, request: Request): Promise<User> {
  const user = (await findSession(database, request))?.user;
  if (!user) throw new Refusal(401, { error: 'LOGIN' });
  return user;
}

/** Lets only administrators pass. @throws Refusal LOGIN or FORBIDDEN */
export function administratorsOnly(database: Database): RequestHandler {
  return async (request, _response, next) => {
    const user = await requireUser(database, request);
    if (user.role !== 'admin') throw new Refusal(403, { error: 'FORBIDDEN' });
    next();
  };
}
