-- Tenants, keys, limits, the log and its roll-ups.

CREATE TABLE "tenants" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "plan" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "period_start" TIMESTAMPTZ(3),
    "period_end" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "tenants_plan_check" CHECK ("plan" IN ('free', 'starter', 'pro', 'enterprise')),
    CONSTRAINT "tenants_status_check" CHECK ("status" IN ('active', 'suspended')),
    CONSTRAINT "tenants_period_check" CHECK (("period_start" IS NULL) = ("period_end" IS NULL) AND "period_start" < "period_end")
);
CREATE INDEX "tenants_updated_at_idx" ON "tenants"("updated_at");

CREATE TABLE "api_keys" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "first_four" TEXT NOT NULL,
    "last_four" TEXT NOT NULL,
    "scopes" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "api_keys_mode_check" CHECK ("mode" IN ('live', 'test'))
);
CREATE UNIQUE INDEX "api_keys_hash_key" ON "api_keys"("hash");
CREATE INDEX "api_keys_tenant_id_created_at_idx" ON "api_keys"("tenant_id", "created_at");
CREATE INDEX "api_keys_updated_at_idx" ON "api_keys"("updated_at");
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_fkey"
    FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

CREATE TABLE "limit_overrides" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT,
    "name" TEXT NOT NULL,
    "value" BIGINT,
    "reason" TEXT NOT NULL,
    "ends_at" TIMESTAMPTZ(3),
    "removed_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "limit_overrides_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "limit_overrides_mode_check" CHECK ("mode" IN ('live', 'test')),
    CONSTRAINT "limit_overrides_name_check" CHECK ("name" IN ('minute', 'hour', 'month')),
    CONSTRAINT "limit_overrides_value_check" CHECK ("value" >= 0)
);
CREATE INDEX "limit_overrides_tenant_id_idx" ON "limit_overrides"("tenant_id");
CREATE INDEX "limit_overrides_updated_at_idx" ON "limit_overrides"("updated_at");
ALTER TABLE "limit_overrides" ADD CONSTRAINT "limit_overrides_tenant_id_fkey"
    FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- Every process asks each two seconds what changed, by the database's clock; last_used_at is not such a change.
CREATE FUNCTION "touch_updated_at"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER "tenants_touch" BEFORE INSERT OR UPDATE ON "tenants"
    FOR EACH ROW EXECUTE FUNCTION "touch_updated_at"();
CREATE TRIGGER "api_keys_touch" BEFORE INSERT OR UPDATE OF "mode", "name", "scopes", "expires_at", "revoked_at" ON "api_keys"
    FOR EACH ROW EXECUTE FUNCTION "touch_updated_at"();
CREATE TRIGGER "limit_overrides_touch" BEFORE INSERT OR UPDATE ON "limit_overrides"
    FOR EACH ROW EXECUTE FUNCTION "touch_updated_at"();

CREATE TABLE "usage_periods" (
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "period_start" TIMESTAMPTZ(3) NOT NULL,
    "verifications" BIGINT NOT NULL,
    CONSTRAINT "usage_periods_pkey" PRIMARY KEY ("tenant_id", "mode", "period_start")
);

-- The log. Its key begins with the tenant, so that the key serves the lists of a tenant over any span of time.
CREATE TABLE "verifications" (
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "id" TEXT NOT NULL,
    "retention_days" SMALLINT NOT NULL,
    "key_id" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "reason" TEXT,
    "x402_version" SMALLINT,
    "network" TEXT,
    "asset" TEXT,
    "payer" TEXT,
    "pay_to" TEXT,
    "amount" DECIMAL(78,0),
    "nonce" TEXT,
    "resource" TEXT,
    "block" BIGINT,
    "duration_us" INTEGER NOT NULL,
    "request" JSON NOT NULL,
    CONSTRAINT "verifications_pkey" PRIMARY KEY ("tenant_id", "mode", "at", "id", "retention_days")
) PARTITION BY LIST ("retention_days");
CREATE INDEX "verifications_at_idx" ON "verifications" USING BRIN ("at");
CREATE INDEX "verifications_tenant_id_mode_network_at_idx" ON "verifications"("tenant_id", "mode", "network", "at");
CREATE INDEX "verifications_tenant_id_mode_outcome_at_idx" ON "verifications"("tenant_id", "mode", "outcome", "at");
CREATE INDEX "verifications_tenant_id_mode_payer_at_idx" ON "verifications"("tenant_id", "mode", "payer", "at");

-- One partition a retention class; the days below them are made ahead of time and dropped when they are over.
CREATE SCHEMA "log";
CREATE TABLE "log"."verifications_1" PARTITION OF "verifications" FOR VALUES IN (1) PARTITION BY RANGE ("at");
CREATE TABLE "log"."verifications_7" PARTITION OF "verifications" FOR VALUES IN (7) PARTITION BY RANGE ("at");
CREATE TABLE "log"."verifications_30" PARTITION OF "verifications" FOR VALUES IN (30) PARTITION BY RANGE ("at");
CREATE TABLE "log"."verifications_90" PARTITION OF "verifications" FOR VALUES IN (90) PARTITION BY RANGE ("at");

CREATE TABLE "verification_hours" (
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "network" TEXT NOT NULL,
    "asset" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "count" BIGINT NOT NULL,
    "volume" DECIMAL(100,0) NOT NULL,
    "latency_counts" BIGINT[],
    CONSTRAINT "verification_hours_pkey" PRIMARY KEY ("tenant_id", "mode", "hour", "network", "asset", "outcome")
);
CREATE TABLE "verification_reason_days" (
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "reason" TEXT NOT NULL,
    "count" BIGINT NOT NULL,
    CONSTRAINT "verification_reason_days_pkey" PRIMARY KEY ("tenant_id", "mode", "day", "reason")
);
CREATE TABLE "verification_key_days" (
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "key_id" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "count" BIGINT NOT NULL,
    CONSTRAINT "verification_key_days_pkey" PRIMARY KEY ("tenant_id", "mode", "day", "key_id", "outcome")
);
CREATE TABLE "verification_payer_days" (
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "payer" TEXT NOT NULL,
    "network" TEXT NOT NULL,
    "asset" TEXT NOT NULL,
    "count" BIGINT NOT NULL,
    "volume" DECIMAL(100,0) NOT NULL,
    CONSTRAINT "verification_payer_days_pkey" PRIMARY KEY ("tenant_id", "mode", "day", "payer", "network", "asset")
);
CREATE TABLE "verification_resource_days" (
    "tenant_id" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "resource" TEXT NOT NULL,
    "network" TEXT NOT NULL,
    "asset" TEXT NOT NULL,
    "count" BIGINT NOT NULL,
    "volume" DECIMAL(100,0) NOT NULL,
    CONSTRAINT "verification_resource_days_pkey" PRIMARY KEY ("tenant_id", "mode", "day", "resource", "network", "asset")
);

-- The sum of two histograms, bucket by bucket; a longer one, of a later version with more buckets, keeps its length.
CREATE FUNCTION "log"."add_counts"(a BIGINT[], b BIGINT[]) RETURNS BIGINT[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY(
        SELECT coalesce(a[i], 0) + coalesce(b[i], 0)
        FROM generate_series(1, greatest(cardinality(a), cardinality(b))) AS i
    )
$$;
