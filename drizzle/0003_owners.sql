ALTER TABLE "idempotency_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "tasks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "tasks" DROP CONSTRAINT "tasks_pkey";--> statement-breakpoint
-- fastify-neon:allow primary-key: before the first release, so the table is small
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_owner_id_pk" PRIMARY KEY("owner","id");--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
-- fastify-neon:allow create-index: before the first release, so the table is small
CREATE INDEX "tasks_owner_updated_at_id_idx" ON "tasks" USING btree ("owner","updated_at","id");--> statement-breakpoint
-- fastify-neon:allow create-index: before the first release, so the table is small
CREATE INDEX "tasks_owner_title_id_idx" ON "tasks" USING btree ("owner","title","id");--> statement-breakpoint
CREATE POLICY "idempotency_keys_owner_select" ON "idempotency_keys" AS PERMISSIVE FOR SELECT TO "app_user" USING ("idempotency_keys"."owner" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "idempotency_keys_owner_insert" ON "idempotency_keys" AS PERMISSIVE FOR INSERT TO "app_user" WITH CHECK ("idempotency_keys"."owner" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "idempotency_keys_owner_update" ON "idempotency_keys" AS PERMISSIVE FOR UPDATE TO "app_user" USING ("idempotency_keys"."owner" = (select app.user_id())) WITH CHECK ("idempotency_keys"."owner" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "idempotency_keys_owner_delete" ON "idempotency_keys" AS PERMISSIVE FOR DELETE TO "app_user" USING ("idempotency_keys"."owner" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "idempotency_keys_expired" ON "idempotency_keys" AS PERMISSIVE FOR ALL TO "app_janitor" USING ("idempotency_keys"."expires_at" <= now());--> statement-breakpoint
CREATE POLICY "tasks_owner_select" ON "tasks" AS PERMISSIVE FOR SELECT TO "app_user" USING ("tasks"."owner" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "tasks_owner_insert" ON "tasks" AS PERMISSIVE FOR INSERT TO "app_user" WITH CHECK ("tasks"."owner" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "tasks_owner_update" ON "tasks" AS PERMISSIVE FOR UPDATE TO "app_user" USING ("tasks"."owner" = (select app.user_id())) WITH CHECK ("tasks"."owner" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "tasks_owner_delete" ON "tasks" AS PERMISSIVE FOR DELETE TO "app_user" USING ("tasks"."owner" = (select app.user_id()));--> statement-breakpoint
-- From here on by hand: Drizzle's schema has no word for it.
ALTER TABLE "idempotency_keys" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "tasks" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
GRANT SELECT, INSERT, DELETE, UPDATE ("title", "notes", "done", "updated_at", "version") ON "tasks" TO app_user;--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ("fingerprint", "status", "headers", "body", "expires_at") ON "idempotency_keys" TO app_user;--> statement-breakpoint
GRANT SELECT ("owner", "key", "expires_at"), UPDATE ("expires_at"), DELETE ON "idempotency_keys" TO app_janitor;--> statement-breakpoint
-- Passes over what another transaction has locked.
CREATE FUNCTION app.delete_expired_keys(most integer) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = ''
BEGIN ATOMIC
  WITH expired AS (
    SELECT "owner", "key" FROM public.idempotency_keys WHERE "expires_at" <= now()
    ORDER BY "expires_at" LIMIT most FOR UPDATE SKIP LOCKED
  )
  DELETE FROM public.idempotency_keys AS kept USING expired
  WHERE kept."owner" = expired."owner" AND kept."key" = expired."key";
END;--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION app.delete_expired_keys(integer) FROM PUBLIC;--> statement-breakpoint
GRANT EXECUTE ON FUNCTION app.delete_expired_keys(integer) TO app_user;--> statement-breakpoint
-- Who gets a function must be able to make one there.
GRANT CREATE ON SCHEMA app TO app_janitor;--> statement-breakpoint
ALTER FUNCTION app.delete_expired_keys(integer) OWNER TO app_janitor;--> statement-breakpoint
REVOKE CREATE ON SCHEMA app FROM app_janitor;
