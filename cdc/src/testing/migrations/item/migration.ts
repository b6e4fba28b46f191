import { defineMigration, integer, pair, rows, text } from 'strangler-migrations/define';

/** Packed text, by hand: so that the load goes row by row. */
const packed = pair({
  name: 'packed',
  source: { extra: 'text' },
  target: { extra: 'jsonb' },
  forward: ({ extra }) => ({ extra: extra === null ? null : `{"text": ${JSON.stringify(extra)}}` }),
  back: ({ extra }) => ({ extra: extra === null ? null : JSON.parse(extra).text }),
});

export default defineMigration({
  capability: process.env.TEST_CAPABILITY ?? 'item',
  service: 'service',
  routes: {},
  tables: [
    rows({
      source: 'item',
      target: 'item',
      key: { id: integer('id') },
      columns: { name: text('name'), body: text('body') },
      pairs: [packed],
    }),
    rows({ source: 'event', target: 'event', key: { id: integer('id') }, columns: { item_id: integer('item_id') } }),
  ],
});
