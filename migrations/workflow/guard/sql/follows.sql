-- On tables that the service only has a copy of. Who the owner is does not matter here, so no lock is taken.
CREATE OR REPLACE FUNCTION strangler.guard_follows_{{name}}() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $guard$
BEGIN
  PERFORM strangler.guard_judge({{capability_literal}}, TG_RELID, true);
  RETURN NULL;
END
$guard$;
