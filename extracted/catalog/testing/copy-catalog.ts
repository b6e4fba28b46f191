import pg from 'pg';

/** Fills the service's database from the shop's, and opens two sessions there. It is the mapping, said once more and by hand, so that it is a second opinion. */
export async function copyCatalog(
  shopUrl: string,
  target: pg.Client,
  sessions: { readonly admin: string; readonly customer: string },
): Promise<void> {
  const source = new pg.Client({ connectionString: shopUrl });
  await source.connect();
  await source.query(
    `INSERT INTO sess (sid, usr_id, exp_dt)
     SELECT $1, (SELECT usr_id FROM usr WHERE rl = 'A' ORDER BY 1 LIMIT 1), now() + interval '1 hour' UNION ALL
     SELECT $2, (SELECT usr_id FROM usr WHERE rl = 'C' ORDER BY 1 LIMIT 1), now() + interval '1 hour'`,
    [sessions.admin, sessions.customer],
  );
  const rows = async (query: string) => JSON.stringify((await source.query(query)).rows);
  await target.query('TRUNCATE product, category, product_rating, product_stock');
  await target.query(
    `INSERT INTO category SELECT cat_id, cat_cd, cat_nm, string_to_array(cat_path, '/'), srt, actv = 'Y'
     FROM jsonb_to_recordset($1) AS c(cat_id int, cat_cd text, cat_nm text, cat_path text, srt int, actv text)`,
    [await rows('SELECT * FROM categ')],
  );
  const { rows: products } = await source.query(
    'SELECT *, crt_dt::text AS created, upd_dt::text AS updated FROM prod ORDER BY prod_id',
  );
  await target.query(
    `INSERT INTO product
     SELECT prod_id, sku, prod_nm, prod_dsc, brnd_nm, string_to_array(cat_path, '/'), (prod_prc * 100)::bigint,
            (old_prc * 100)::bigint, (ARRAY['standard', 'reduced', 'none'])[tax_cd]::tax_class, attributes,
            CASE prod_st WHEN 1 THEN 'active' WHEN 2 THEN 'hidden' ELSE 'deleted' END::product_status, wght_g, img_no,
            created AT TIME ZONE 'UTC', updated AT TIME ZONE 'UTC'
     FROM jsonb_to_recordset($1) AS p(prod_id int, sku text, prod_nm text, prod_dsc text, brnd_nm text, cat_path text,
       prod_prc numeric, old_prc numeric, tax_cd int, attributes jsonb, prod_st int, wght_g int, img_no int,
       created timestamp, updated timestamp)`,
    [JSON.stringify(products.map((row) => ({ ...row, attributes: unpack(row.attr_txt) })))],
  );
  await target.query(
    'INSERT INTO product_rating SELECT * FROM jsonb_to_recordset($1) AS r(prod_id int, rvw_cnt int, rvw_avg numeric)',
    [await rows('SELECT * FROM prod_sum')],
  );
  await target.query(
    'INSERT INTO product_stock SELECT * FROM jsonb_to_recordset($1) AS s(prod_id int, qty_oh int, qty_rsv int)',
    [await rows('SELECT * FROM inv')],
  );
  await target.query(`SELECT setval(pg_get_serial_sequence('product', 'id'), max(id)) FROM product`);
  await source.end();
}

function unpack(packed: string): { name?: string; value: string }[] {
  const plain = (text: string) => text.replaceAll(/\\([\\;=])/g, '$1');
  const entries = packed.match(/(?:\\[\\;=]|[^;])+/g) ?? [];
  return entries.map((entry) => {
    const [, name, value] = /^((?:\\[\\;=]|[^=])*)=(.*)$/s.exec(entry) ?? [];
    return name === undefined || value === undefined
      ? { value: plain(entry) }
      : { name: plain(name), value: plain(value) };
  });
}
