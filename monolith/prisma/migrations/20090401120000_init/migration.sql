-- The shop's database, as it has grown since 2009.

CREATE TABLE usr (
  usr_id    serial PRIMARY KEY,
  eml       varchar(120) NOT NULL UNIQUE,
  pw_hsh    varchar(200) NOT NULL,
  usr_nm    varchar(80)  NOT NULL,
  rl        char(1)      NOT NULL DEFAULT 'C',   -- C customer, A administrator
  adr_ln    varchar(160),
  zip       varchar(12),
  cty       varchar(80),
  cntry_cd  char(2)      NOT NULL DEFAULT 'DE',
  actv      char(1)      NOT NULL DEFAULT 'Y',
  crt_dt    timestamp    NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

CREATE TABLE sess (
  sid       char(43) PRIMARY KEY,
  usr_id    integer REFERENCES usr,
  dat       text NOT NULL DEFAULT '{}',
  exp_dt    timestamp NOT NULL
);

CREATE TABLE categ (
  cat_id    serial PRIMARY KEY,
  cat_cd    varchar(40)  NOT NULL UNIQUE,        -- knives
  cat_nm    varchar(80)  NOT NULL,               -- Knives
  cat_path  varchar(120) NOT NULL UNIQUE,        -- home/kitchen/knives
  srt       smallint     NOT NULL DEFAULT 0,
  actv      char(1)      NOT NULL DEFAULT 'Y'
);

CREATE TABLE prod (
  prod_id   serial PRIMARY KEY,
  sku       varchar(20)   NOT NULL UNIQUE,
  prod_nm   varchar(160)  NOT NULL,
  prod_dsc  text          NOT NULL DEFAULT '',
  brnd_nm   varchar(60),
  cat_path  varchar(120)  NOT NULL,              -- of categ, without a foreign key
  prod_prc  numeric(10,2) NOT NULL,
  old_prc   numeric(10,2),
  tax_cd    smallint      NOT NULL DEFAULT 1,    -- 1 standard, 2 reduced, 3 none
  attr_txt  text          NOT NULL DEFAULT '',   -- colour=red;size=XL
  prod_st   smallint      NOT NULL DEFAULT 1,    -- 1 active, 2 hidden, 9 deleted
  wght_g    integer,
  img_no    smallint      NOT NULL DEFAULT 0,
  crt_dt    timestamp     NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  upd_dt    timestamp     NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE INDEX prod_cat_ix ON prod (cat_path text_pattern_ops);

-- Kept by the trigger below and by the nightly job, never by hand.
CREATE TABLE prod_sum (
  prod_id   integer PRIMARY KEY REFERENCES prod,
  rvw_cnt   integer      NOT NULL DEFAULT 0,
  rvw_avg   numeric(3,2) NOT NULL DEFAULT 0
);

CREATE TABLE inv (
  prod_id   integer PRIMARY KEY REFERENCES prod,
  wh_cd     char(3)   NOT NULL DEFAULT 'BER',
  qty_oh    integer   NOT NULL DEFAULT 0,        -- on hand
  qty_rsv   integer   NOT NULL DEFAULT 0,        -- reserved by orders not yet shipped
  upd_dt    timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  CHECK (qty_oh >= 0 AND qty_rsv >= 0)
);

CREATE TABLE crt (
  crt_id    serial PRIMARY KEY,
  sid       char(43) UNIQUE,
  usr_id    integer UNIQUE REFERENCES usr,
  upd_dt    timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

CREATE TABLE crt_ln (
  crt_id    integer NOT NULL REFERENCES crt ON DELETE CASCADE,
  prod_id   integer NOT NULL REFERENCES prod,
  qty       integer NOT NULL CHECK (qty > 0),
  PRIMARY KEY (crt_id, prod_id)
);

CREATE TABLE ord_hdr (
  ord_id    serial PRIMARY KEY,
  ord_no    varchar(14)   NOT NULL UNIQUE,       -- O-2024-000123
  usr_id    integer       NOT NULL REFERENCES usr,
  ord_st    smallint      NOT NULL DEFAULT 10,   -- 10 placed, 20 paid, 30 shipped, 40 delivered, 90 cancelled, 95 payment failed
  tot_amt   numeric(12,2) NOT NULL,
  ship_amt  numeric(8,2)  NOT NULL DEFAULT 0,
  adr_txt   text          NOT NULL,
  crt_dt    timestamp     NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  upd_dt    timestamp     NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE INDEX ord_hdr_usr_ix ON ord_hdr (usr_id, crt_dt DESC);

-- No name here: the order pages join prod for it.
CREATE TABLE ord_ln (
  ord_id    integer       NOT NULL REFERENCES ord_hdr,
  ln_no     smallint      NOT NULL,
  prod_id   integer       NOT NULL REFERENCES prod,
  qty       integer       NOT NULL CHECK (qty > 0),
  unit_prc  numeric(10,2) NOT NULL,
  PRIMARY KEY (ord_id, ln_no)
);
CREATE INDEX ord_ln_prod_ix ON ord_ln (prod_id);

CREATE TABLE pay (
  pay_id    serial PRIMARY KEY,
  ord_id    integer       NOT NULL REFERENCES ord_hdr,
  amt       numeric(12,2) NOT NULL,
  pay_st    char(1)       NOT NULL,              -- A authorised, C captured, F failed, R refunded
  prvdr_ref varchar(40),
  err_txt   varchar(200),
  crt_dt    timestamp     NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

CREATE TABLE shpmt (
  shp_id    serial PRIMARY KEY,
  ord_id    integer     NOT NULL REFERENCES ord_hdr,
  crr_cd    varchar(8)  NOT NULL DEFAULT 'DHL',
  trk_no    varchar(30),
  shp_st    char(1)     NOT NULL DEFAULT 'P',    -- P packed, S sent, D delivered
  snt_dt    timestamp
);

CREATE TABLE rvw (
  rvw_id    serial PRIMARY KEY,
  prod_id   integer   NOT NULL REFERENCES prod,
  usr_id    integer   NOT NULL REFERENCES usr,
  strs      smallint  NOT NULL CHECK (strs BETWEEN 1 AND 5),
  ttl       varchar(120) NOT NULL,
  txt       text      NOT NULL DEFAULT '',
  rvw_st    char(1)   NOT NULL DEFAULT 'P',      -- P published, H hidden by an administrator
  crt_dt    timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  UNIQUE (prod_id, usr_id)
);

CREATE TABLE ntf (
  ntf_id    serial PRIMARY KEY,
  usr_id    integer   NOT NULL REFERENCES usr,
  chnl      char(1)   NOT NULL DEFAULT 'E',      -- E e-mail
  sbj       varchar(160) NOT NULL,
  bdy       text      NOT NULL,
  snt_st    char(1)   NOT NULL DEFAULT 'Q',      -- Q queued, S sent, F failed
  crt_dt    timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

CREATE TABLE job_log (
  job_id    serial PRIMARY KEY,
  job_nm    varchar(40) NOT NULL,
  rows_n    integer     NOT NULL DEFAULT 0,
  run_dt    timestamp   NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

CREATE FUNCTION rvw_sum_upd() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  p integer := coalesce(NEW.prod_id, OLD.prod_id);
BEGIN
  INSERT INTO prod_sum (prod_id, rvw_cnt, rvw_avg)
    SELECT p, count(*), coalesce(round(avg(strs), 2), 0) FROM rvw WHERE prod_id = p AND rvw_st = 'P'
  ON CONFLICT (prod_id) DO UPDATE SET rvw_cnt = excluded.rvw_cnt, rvw_avg = excluded.rvw_avg;
  RETURN NULL;
END $$;

CREATE TRIGGER rvw_sum_trg AFTER INSERT OR UPDATE OR DELETE ON rvw
  FOR EACH ROW EXECUTE FUNCTION rvw_sum_upd();
