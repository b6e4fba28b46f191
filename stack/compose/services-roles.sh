#!/bin/bash
# The postgres image runs this once, in an empty cluster. The same roles as stack/src/databases.ts makes.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
  --set catalog_password="$CATALOG_PASSWORD" --set cdc_password="$CDC_PASSWORD" \
  --set unleash_password="$UNLEASH_PASSWORD" --set proxy_password="$PROXY_PASSWORD" <<'SQL'
CREATE ROLE unleash LOGIN PASSWORD :'unleash_password';
CREATE DATABASE unleash OWNER unleash;
REVOKE ALL ON DATABASE unleash FROM PUBLIC;
CREATE ROLE catalog LOGIN PASSWORD :'catalog_password';
CREATE DATABASE catalog OWNER catalog;
REVOKE ALL ON DATABASE catalog FROM PUBLIC;
CREATE ROLE cdc LOGIN PASSWORD :'cdc_password';
GRANT CONNECT, CREATE ON DATABASE catalog TO cdc;
CREATE ROLE proxy LOGIN PASSWORD :'proxy_password';
GRANT CONNECT ON DATABASE catalog TO proxy;
\connect catalog
CREATE SCHEMA strangler AUTHORIZATION catalog;
GRANT USAGE, CREATE ON SCHEMA strangler TO cdc;
GRANT USAGE ON SCHEMA strangler TO proxy;
ALTER DEFAULT PRIVILEGES FOR ROLE catalog IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO cdc;
SQL
