#!/bin/bash
# The postgres image runs this once, in an empty cluster. The same roles as stack/src/databases.ts makes.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
  --set catalog_password="$CATALOG_PASSWORD" --set cdc_password="$CDC_PASSWORD" \
  --set unleash_password="$UNLEASH_PASSWORD" --set proxy_password="$PROXY_PASSWORD" \
  --set workflow_password="$WORKFLOW_PASSWORD" <<'SQL'
CREATE ROLE unleash LOGIN PASSWORD :'unleash_password';
CREATE DATABASE unleash OWNER unleash;
REVOKE ALL ON DATABASE unleash FROM PUBLIC;
CREATE ROLE catalog LOGIN PASSWORD :'catalog_password';
CREATE DATABASE catalog OWNER catalog;
REVOKE ALL ON DATABASE catalog FROM PUBLIC;
CREATE ROLE cdc LOGIN REPLICATION PASSWORD :'cdc_password';
GRANT CONNECT ON DATABASE catalog TO cdc;
-- Publishing a table is its owner's right.
GRANT catalog TO cdc;
CREATE ROLE proxy LOGIN PASSWORD :'proxy_password';
GRANT CONNECT ON DATABASE catalog TO proxy;
CREATE ROLE strangler_workflow LOGIN PASSWORD :'workflow_password';
GRANT CONNECT ON DATABASE catalog TO strangler_workflow;
CREATE DATABASE strangler OWNER strangler_workflow;
REVOKE ALL ON DATABASE strangler FROM PUBLIC;
\connect catalog
CREATE SCHEMA strangler AUTHORIZATION catalog;
GRANT USAGE, CREATE ON SCHEMA strangler TO cdc;
GRANT USAGE ON SCHEMA strangler TO proxy;
ALTER DEFAULT PRIVILEGES FOR ROLE catalog IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO cdc;
-- Rows come back here, too: written as the sync's own, without triggers of the application.
GRANT CREATE ON DATABASE catalog TO cdc;
GRANT SET ON PARAMETER session_replication_role TO cdc;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_replication_origin_oid(text), pg_catalog.pg_replication_origin_create(text),
  pg_catalog.pg_replication_origin_session_setup(text) TO cdc;
-- The control plane: the guard's functions are granted where they are made.
GRANT USAGE ON SCHEMA strangler TO strangler_workflow;
ALTER DEFAULT PRIVILEGES FOR ROLE catalog GRANT SELECT ON TABLES TO strangler_workflow;
ALTER DEFAULT PRIVILEGES FOR ROLE catalog GRANT SELECT, UPDATE ON SEQUENCES TO strangler_workflow;
ALTER DEFAULT PRIVILEGES FOR ROLE cdc GRANT SELECT ON TABLES TO strangler_workflow;
SQL
