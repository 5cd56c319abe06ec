-- PUBLIC has it on every database: a temporary table called tasks would stand in front of the real one.
-- fastify-neon:allow unseen-code: REVOKE ON DATABASE needs its name
DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, app_user, app_janitor', current_database());
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'TEMPORARY is still granted: only the owner of the database may revoke it';
END $$;
--> statement-breakpoint
-- No policy holds for a large object. Only a superuser may revoke these, and on Neon nobody is one.
-- fastify-neon:allow unseen-code: REVOKE warns, three times, where it may not
DO $$
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;
  END IF;
END $$;
