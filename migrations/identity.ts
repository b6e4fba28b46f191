import { defineIdentity } from 'strangler-migrations/define';

interface Me {
  readonly user: { readonly id: number; readonly role: 'customer' | 'admin' } | null;
}

/** The shop's sessions: `GET /api/me` says whose a cookie is. */
export default defineIdentity({
  session: { cookie: 'shop_sid' },
  ask: '/api/me',
  read({ body }) {
    const { user } = body as Me;
    return user === null ? undefined : { subject: String(user.id), role: user.role };
  },
});
