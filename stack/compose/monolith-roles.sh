#!/bin/bash
# The postgres image runs this once, in an empty cluster. The same roles as stack/src/databases.ts makes.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
  --set app_password="$MONOLITH_PASSWORD" --set cdc_password="$CDC_PASSWORD" \
  --set proxy_password="$PROXY_PASSWORD" <<'SQL'
CREATE ROLE monolith LOGIN PASSWORD :'app_password';
CREATE DATABASE monolith OWNER monolith;
REVOKE ALL ON DATABASE monolith FROM PUBLIC;
-- Publishing a table is its owner's right.
CREATE ROLE cdc LOGIN REPLICATION PASSWORD :'cdc_password';
GRANT CONNECT ON DATABASE monolith TO cdc;
GRANT monolith TO cdc;
-- How far its log is, and in the services' databases how far a stream is: nothing else.
CREATE ROLE proxy LOGIN PASSWORD :'proxy_password';
GRANT CONNECT ON DATABASE monolith TO proxy;
\connect monolith
CREATE SCHEMA strangler AUTHORIZATION monolith;
GRANT USAGE, CREATE ON SCHEMA strangler TO cdc;
GRANT USAGE ON SCHEMA strangler TO proxy;
SQL
