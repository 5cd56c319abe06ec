-- Roles belong to the cluster: another database of it may have made them already.
-- fastify-neon:allow unseen-code: CREATE ROLE knows no IF NOT EXISTS
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_user') THEN
    CREATE ROLE app_user NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
--> statement-breakpoint
-- fastify-neon:allow unseen-code: CREATE ROLE knows no IF NOT EXISTS
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_janitor') THEN
    CREATE ROLE app_janitor NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
--> statement-breakpoint
-- Who migrates may switch to them, and has their rights only while it does. Before Postgres 16 there is no such difference.
-- fastify-neon:allow unseen-code: GRANT has other words before Postgres 16
DO $$
DECLARE
  is_16 boolean := current_setting('server_version_num')::integer >= 160000;
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['app_user', 'app_janitor'] LOOP
    IF NOT pg_has_role(wanted, CASE WHEN is_16 THEN 'SET' ELSE 'MEMBER' END) THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', wanted) || CASE WHEN is_16 THEN ' WITH SET TRUE, INHERIT FALSE' ELSE '' END;
    END IF;
  END LOOP;
EXCEPTION WHEN unique_violation THEN NULL;
END $$;
--> statement-breakpoint
CREATE SCHEMA app;
--> statement-breakpoint
GRANT USAGE ON SCHEMA app, public TO app_user, app_janitor;
--> statement-breakpoint
-- Everybody has it before Postgres 15.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
--> statement-breakpoint
-- The user of the transaction. After the first transaction of a connection the setting is empty and not missing.
CREATE FUNCTION app.user_id() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.user_id', true), '');
--> statement-breakpoint
-- Readiness looks at the ledger.
-- fastify-neon:allow unseen-code: grants on a table that may have another name
DO $$
BEGIN
  IF to_regclass('drizzle.__drizzle_migrations') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA drizzle TO app_user;
    GRANT SELECT ON drizzle.__drizzle_migrations TO app_user;
  END IF;
END $$;
