#!/bin/bash
# The postgres image runs this once, in an empty cluster. The same roles as stack/src/databases.ts makes.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
  --set app_password="$MONOLITH_PASSWORD" --set cdc_password="$CDC_PASSWORD" \
  --set proxy_password="$PROXY_PASSWORD" \
  --set workflow_password="$WORKFLOW_PASSWORD" <<'SQL'
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
CREATE ROLE strangler_workflow LOGIN PASSWORD :'workflow_password';
GRANT CONNECT ON DATABASE monolith TO strangler_workflow;
\connect monolith
CREATE SCHEMA strangler AUTHORIZATION monolith;
GRANT USAGE, CREATE ON SCHEMA strangler TO cdc;
GRANT USAGE ON SCHEMA strangler TO proxy;
-- Rows come back here, too: written as the sync's own, without triggers of the application.
ALTER DEFAULT PRIVILEGES FOR ROLE monolith IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO cdc;
GRANT CREATE ON DATABASE monolith TO cdc;
GRANT SET ON PARAMETER session_replication_role TO cdc;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_replication_origin_oid(text), pg_catalog.pg_replication_origin_create(text),
  pg_catalog.pg_replication_origin_session_setup(text) TO cdc;
-- The control plane: the guard's functions are granted where they are made.
GRANT USAGE ON SCHEMA strangler TO strangler_workflow;
ALTER DEFAULT PRIVILEGES FOR ROLE monolith GRANT SELECT ON TABLES TO strangler_workflow;
ALTER DEFAULT PRIVILEGES FOR ROLE monolith GRANT SELECT, UPDATE ON SEQUENCES TO strangler_workflow;
ALTER DEFAULT PRIVILEGES FOR ROLE cdc GRANT SELECT ON TABLES TO strangler_workflow;
SQL
