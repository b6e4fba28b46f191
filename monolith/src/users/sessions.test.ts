import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addUser, startTestShop, type TestShop } from '../testing/test-shop.ts';
import { passwordMatches } from './passwords.ts';

let shop: TestShop;
let anna: number;

beforeAll(async () => {
  shop = await startTestShop();
  anna = await addUser(shop.database, 'anna@x.example');
});

afterAll(() => shop.close());

describe('login', () => {
  it('says who one is, in a new session each time', async () => {
    const visitor = await shop.loggedIn('anna@x.example');
    const first = visitor.cookie;
    const user = `{"id":${anna},"email":"anna@x.example","name":"Anna Berger","role":"customer"}`;
    const again = await visitor.send('POST', '/api/login', { email: 'anna@x.example', password: 'secret' });
    expect(again.text).toBe(`{"ok":1,"user":${user}}`);
    expect(visitor.cookie).not.toBe(first);
    expect((await visitor.get('/api/me')).text).toBe(`{"user":${user}}`);
    expect((await shop.visitor().get('/api/me', { cookie: first! })).text).toBe('{"user":null}');
  });

  it.each([
    ['a wrong password', { email: 'anna@x.example', password: 'wrong' }],
    ['a stranger', { email: 'nobody@x.example', password: 'secret' }],
  ])('refuses %s alike', async (_who, body) => {
    const visitor = shop.visitor();
    expect(await visitor.send('POST', '/api/login', body)).toMatchObject({
      status: 401,
      text: '{"error":"BAD_LOGIN"}',
    });
    expect(visitor.cookie).toBeUndefined();
  });

  it('on the page goes where one wanted to go, but never to another site', async () => {
    const fields = { email: 'anna@x.example', password: 'secret' };
    const to = async (next: string) =>
      (await shop.visitor().form('/login', { ...fields, next })).headers.get('location');
    expect(await to('/orders?page=2')).toBe('/orders?page=2');
    for (const elsewhere of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      expect(await to(elsewhere)).toBe('/');
    }
  });
});

describe('a session', () => {
  it('ends with logout, wherever a copy of its cookie is', async () => {
    const visitor = await shop.loggedIn('anna@x.example');
    const copy = visitor.cookie!;
    const { headers } = await visitor.send('POST', '/api/logout');
    expect(headers.getSetCookie()[0]).toMatch(/^shop_sid=; Path=\/; Expires=Thu, 01 Jan 1970/);
    expect((await shop.visitor().get('/api/me', { cookie: copy })).body.user).toBeNull();
  });

  it('expires, and ends when its user is locked out', async () => {
    const visitor = await shop.loggedIn('anna@x.example');
    const who = async () => (await visitor.get('/api/me')).body.user?.id;
    expect(await who()).toBe(anna);
    const { prisma } = shop.database;
    await prisma.usr.update({ where: { usr_id: anna }, data: { actv: 'N' } });
    expect(await who()).toBeUndefined();
    await prisma.usr.update({ where: { usr_id: anna }, data: { actv: 'Y' } });
    expect(await who()).toBe(anna);
    await prisma.sess.updateMany({ data: { exp_dt: new Date(Date.now() - 1_000) } });
    expect(await who()).toBeUndefined();
  });

  it.each(['shop_sid=x', 'shop_sid=%00', `shop_sid=${'a'.repeat(43)}`, 'nonsense'])(
    'is not made by the cookie %s',
    async (cookie) => {
      expect((await shop.visitor().get('/api/me', { cookie })).text).toBe('{"user":null}');
    },
  );
});

describe('registration', () => {
  it('creates a customer, logs them in, and keeps only a hash', async () => {
    const visitor = shop.visitor();
    const answer = await visitor.form('/register', { name: 'Jürgen', email: 'J@x.example', password: 'long enough' });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/account']);
    expect((await visitor.get('/api/me')).body.user).toMatchObject({ email: 'j@x.example', role: 'customer' });
    const { pw_hsh } = await shop.database.prisma.usr.findUniqueOrThrow({ where: { eml: 'j@x.example' } });
    expect(pw_hsh).not.toContain('long enough');
    expect(await passwordMatches('long enough', pw_hsh)).toBe(true);
    expect(await passwordMatches('long enougH', pw_hsh)).toBe(false);
  });

  it('says what is wrong, and never shows the password again', async () => {
    const answer = await shop
      .visitor()
      .form('/register', { name: 'A', email: 'anna@x.example', password: 'top-secret' });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain('has an account already');
    expect(answer.text).not.toContain('top-secret');
  });
});
