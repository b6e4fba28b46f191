import type { Request, Response } from 'express';
import { z } from 'zod';
import { mergeCarts } from '../cart/cart.ts';
import type { Database } from '../database.ts';
import { readFields, textField } from '../http/fields.ts';
import { invalid, Refusal } from '../http/refusal.ts';
import { notify } from '../notifications/notifications.ts';
import { ROLE } from './codes.ts';
import { hashPassword, passwordMatches } from './passwords.ts';
import { findSession, openSession, type User } from './sessions.ts';

const Login = z.object({ email: textField(1, 120), password: z.string({ error: 'is required' }).max(200) });

const Registration = z.object({
  name: textField(1, 80),
  email: textField(3, 120).refine((email) => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email), 'must be an e-mail address'),
  password: z
    .string({ error: 'is required' })
    .min(8, 'must have at least 8 characters')
    .max(200, 'must have at most 200 characters'),
});

const Address = z.object({
  name: textField(1, 80),
  street: textField(0, 160),
  zip: textField(0, 12),
  city: textField(0, 80),
  country: z.string().regex(/^[A-Z]{2}$/, 'must be two capital letters'),
});

/** A stranger's password is checked against this, so that its answer takes as long as that of a wrong password. */
const NOBODYS_HASH = await hashPassword('nobody');

/** Logs a user in: a new session, and what the old one's cart held comes along. @throws Refusal INVALID or BAD_LOGIN */
export async function logIn(database: Database, request: Request, response: Response, body: unknown): Promise<User> {
  const { email, password } = readFields(Login, body);
  const row = await database.prisma.usr.findFirst({ where: { eml: email.toLowerCase(), actv: 'Y' } });
  const matches = await passwordMatches(password, row?.pw_hsh ?? NOBODYS_HASH);
  if (!row || !matches) throw new Refusal(401, { error: 'BAD_LOGIN' });
  const user: User = { id: row.usr_id, email: row.eml, name: row.usr_nm, role: ROLE.meaning(row.rl) };
  await enter(database, request, response, user);
  return user;
}

/** Creates a customer and logs them in. @throws Refusal INVALID */
export async function register(database: Database, request: Request, response: Response, body: unknown): Promise<User> {
  const { name, email, password } = readFields(Registration, body);
  const eml = email.toLowerCase();
  const pw_hsh = await hashPassword(password);
  const row = await database.prisma.usr.create({ data: { eml, usr_nm: name, pw_hsh } }).catch((error) => {
    if (error.code === 'P2002') throw invalid({ email: 'has an account already' });
    throw error;
  });
  await notify(database.prisma, row.usr_id, 'Welcome to Lindenmarkt', `Dear ${name},\nyour account is ready.`);
  const user: User = { id: row.usr_id, email: eml, name, role: 'customer' };
  await enter(database, request, response, user);
  return user;
}

async function enter(database: Database, request: Request, response: Response, user: User): Promise<void> {
  const before = await findSession(database, request);
  if (before) {
    if (!before.user) await mergeCarts(database, before.id, user.id);
    await database.prisma.sess.deleteMany({ where: { sid: before.id } });
  }
  await openSession(database, request, response, user);
}

/** Where a user's parcels go, as their account has it. */
export interface AccountAddress {
  readonly name: string;
  readonly street: string;
  readonly zip: string;
  readonly city: string;
  readonly country: string;
}

/** The address of an account; empty texts where nothing is known. */
export async function accountAddress({ prisma }: Database, userId: number): Promise<AccountAddress> {
  const row = await prisma.usr.findUniqueOrThrow({ where: { usr_id: userId } });
  return { name: row.usr_nm, street: row.adr_ln ?? '', zip: row.zip ?? '', city: row.cty ?? '', country: row.cntry_cd };
}

/** Changes name and address of an account. @throws Refusal INVALID */
export async function changeAddress({ prisma }: Database, userId: number, body: unknown): Promise<void> {
  const { name, street, zip, city, country } = readFields(Address, body);
  await prisma.usr.update({
    where: { usr_id: userId },
    data: { usr_nm: name, adr_ln: street || null, zip: zip || null, cty: city || null, cntry_cd: country },
  });
}
