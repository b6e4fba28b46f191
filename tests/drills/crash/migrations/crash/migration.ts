import { cents, defineMigration, integer, pair, rows, text } from 'strangler-migrations/define';

/** Written by hand, so that the load goes row by row for this table and through SQL alone for the others. */
const packed = pair({
  name: 'packed',
  source: { extra: 'text' },
  target: { extra: 'jsonb' },
  forward: ({ extra }) => ({ extra: extra === null ? null : JSON.stringify({ text: extra }) }),
  back: ({ extra }) => ({ extra: extra === null ? null : JSON.parse(extra).text }),
});

export default defineMigration({
  // Names the slot, of which a server has one by each name: so each run has its own.
  capability: process.env.DRILL_CAPABILITY ?? 'crash',
  service: 'service',
  routes: {},
  tables: [
    rows({
      source: 'account',
      target: 'account',
      key: { id: integer('id') },
      columns: {
        version: integer('version'),
        price_cents: cents('price'),
        name: text('name'),
        body: text('body'),
      },
      pairs: [packed],
    }),
    rows({
      source: 'tally',
      target: 'tally',
      key: { writer: integer('writer') },
      columns: { entries: integer('entries') },
    }),
    rows({
      source: 'entry',
      target: 'entry',
      key: { id: integer('id') },
      columns: { writer: integer('writer'), version: integer('version') },
    }),
  ],
});
