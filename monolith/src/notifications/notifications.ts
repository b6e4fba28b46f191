import type { Logger } from 'pino';
import type { Prisma } from '../../generated/client.ts';
import type { Database } from '../database.ts';

const BATCH = 100;

/** Queues an e-mail to a user, in whatever transaction the caller is in. */
export async function notify(
  prisma: Prisma.TransactionClient,
  userId: number,
  subject: string,
  body: string,
): Promise<void> {
  await prisma.ntf.create({ data: { usr_id: userId, sbj: subject.slice(0, 160), bdy: body } });
}

/**
 * Sends what is queued, at most a hundred at a time, and says how many. There is no mail server behind the example, so
 * sending is a line in the log. Two processes never take the same message.
 */
export async function sendQueued({ prisma }: Database, log: Logger): Promise<number> {
  const sent = await prisma.$queryRaw<{ ntf_id: number; usr_id: number }[]>`
    UPDATE ntf SET snt_st = 'S'
     WHERE ntf_id IN (SELECT ntf_id FROM ntf WHERE snt_st = 'Q' ORDER BY ntf_id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)
    RETURNING ntf_id, usr_id`;
  for (const { ntf_id, usr_id } of sent) log.info({ notification: ntf_id, user: usr_id }, 'an e-mail was sent');
  return sent.length;
}

/** The newest messages to a user, newest first. */
export async function messagesTo({ prisma }: Database, userId: number, most: number) {
  return prisma.ntf.findMany({ where: { usr_id: userId }, orderBy: { ntf_id: 'desc' }, take: most });
}
