#!/bin/bash
# The postgres image runs this once, in an empty cluster. The same roles as stack/src/databases.ts makes.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
  --set catalog_password="$CATALOG_PASSWORD" --set cdc_password="$CDC_PASSWORD" \
  --set unleash_password="$UNLEASH_PASSWORD" <<'SQL'
CREATE ROLE unleash LOGIN PASSWORD :'unleash_password';
CREATE DATABASE unleash OWNER unleash;
REVOKE ALL ON DATABASE unleash FROM PUBLIC;
CREATE ROLE catalog LOGIN PASSWORD :'catalog_password';
CREATE DATABASE catalog OWNER catalog;
REVOKE ALL ON DATABASE catalog FROM PUBLIC;
CREATE ROLE cdc LOGIN PASSWORD :'cdc_password';
GRANT CONNECT, CREATE ON DATABASE catalog TO cdc;
\connect catalog
ALTER DEFAULT PRIVILEGES FOR ROLE catalog IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO cdc;
SQL
