import { cents, defineMigration, integer, rows, text, utc } from 'strangler-migrations/define';

/** Through codecs, as a shop's table would be: names that are renamed, an amount that becomes cents, a time with its zone. */
export default defineMigration({
  capability: 'bench',
  service: 'service',
  routes: {},
  tables: [
    rows({
      source: 'prod',
      target: 'product',
      key: { id: integer('prod_id') },
      columns: {
        sku: text('prod_sku'),
        name: text('prod_nm'),
        description: text('prod_dsc'),
        price_cents: cents('prod_prc'),
        stock: integer('stk'),
        changed_at: utc('chg_dt'),
      },
    }),
    rows({ source: 'mark', target: 'mark', key: { id: integer('id') }, columns: {} }),
  ],
});
