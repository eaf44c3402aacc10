-- One payment, one row. payment_key is taken while the row may move money, and free (null) once it was released.
CREATE TABLE "settlements" (
  "id" TEXT NOT NULL,
  "tenant_id" TEXT NOT NULL,
  "mode" TEXT NOT NULL,
  "key_id" TEXT NOT NULL,
  "request_id" TEXT NOT NULL,
  "x402_version" SMALLINT NOT NULL,
  "network" TEXT NOT NULL,
  "asset" TEXT NOT NULL,
  "payer" TEXT NOT NULL,
  "pay_to" TEXT NOT NULL,
  "amount" DECIMAL(78,0) NOT NULL,
  "nonce" TEXT NOT NULL,
  "valid_after" DECIMAL(78,0) NOT NULL,
  "valid_before" DECIMAL(78,0) NOT NULL,
  "call_data" TEXT NOT NULL,
  "payment_key" TEXT,
  "requirements_hash" TEXT NOT NULL,
  "resource" TEXT,
  "payment_identifier" TEXT,
  "state" TEXT NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "reason" TEXT,
  "message" TEXT,
  "seen_unused_block" BIGINT NOT NULL,
  "is_magic" BOOLEAN NOT NULL DEFAULT false,
  -- Waits to be put into a transaction.
  "is_ready" BOOLEAN NOT NULL,
  -- Must not share a transaction.
  "is_alone" BOOLEAN NOT NULL DEFAULT false,
  "taken_until" TIMESTAMPTZ(3),
  "deadline" TIMESTAMPTZ(3) NOT NULL,
  "transaction_id" TEXT,
  "transaction_hash" TEXT,
  "position" INTEGER,
  "block_number" BIGINT,
  "block_hash" TEXT,
  "gas_wei" DECIMAL(78,0) NOT NULL DEFAULT 0,
  -- Settled by another in a block that is final: nobody looks at it any more.
  "is_final" BOOLEAN NOT NULL DEFAULT false,
  "granted_at" TIMESTAMPTZ(3),
  "granted_request" TEXT,
  "grant_key" TEXT,
  "released_at" TIMESTAMPTZ(3),
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "settled_at" TIMESTAMPTZ(3),
  "request" JSON NOT NULL,
  CONSTRAINT "settlements_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "settlements_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE RESTRICT
);
-- A row changes some five times in its life: its large columns stand apart, and its page has room for the new versions.
ALTER TABLE "settlements" SET (toast_tuple_target = 128, fillfactor = 40);
ALTER TABLE "settlements" ALTER COLUMN "request" SET STORAGE EXTERNAL, ALTER COLUMN "call_data" SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX "settlements_payment_key_key" ON "settlements"("payment_key");
CREATE INDEX "settlements_tenant_id_mode_created_at_id_idx" ON "settlements"("tenant_id", "mode", "created_at", "id");
CREATE INDEX "settlements_tenant_id_mode_payer_created_at_idx" ON "settlements"("tenant_id", "mode", "payer", "created_at");
CREATE INDEX "settlements_tenant_id_mode_state_created_at_idx" ON "settlements"("tenant_id", "mode", "state", "created_at");
CREATE INDEX "settlements_tenant_id_mode_resource_created_at_idx" ON "settlements"("tenant_id", "mode", "resource", "created_at");
CREATE INDEX "settlements_tenant_id_mode_transaction_hash_idx" ON "settlements"("tenant_id", "mode", "transaction_hash");
CREATE INDEX "settlements_tenant_id_mode_payment_identifier_idx" ON "settlements"("tenant_id", "mode", "payment_identifier");
CREATE INDEX "settlements_network_is_ready_created_at_idx" ON "settlements"("network", "is_ready", "created_at");
CREATE INDEX "settlements_network_state_block_number_idx" ON "settlements"("network", "state", "block_number");
CREATE INDEX "settlements_transaction_id_idx" ON "settlements"("transaction_id");
CREATE INDEX "settlements_nonce_idx" ON "settlements"("nonce");

-- The outbox: every change of state, written in the transaction that makes it. Readers mark what they have read.
CREATE TABLE "settlement_events" (
  "id" BIGSERIAL NOT NULL,
  "settlement_id" TEXT NOT NULL,
  "tenant_id" TEXT NOT NULL,
  "mode" TEXT NOT NULL,
  "version" INTEGER NOT NULL,
  "transition" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "reason" TEXT,
  "transaction_hash" TEXT,
  "block_number" BIGINT,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "published_at" TIMESTAMPTZ(3),
  CONSTRAINT "settlement_events_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "settlement_events_settlement_id_version_key" ON "settlement_events"("settlement_id", "version");
CREATE INDEX "settlement_events_published_at_id_idx" ON "settlement_events"("published_at", "id");

-- Wallets that pay the gas. Whoever holds the lease writes with its fence; an older fence is refused.
CREATE TABLE "wallets" (
  "network" TEXT NOT NULL,
  "address" TEXT NOT NULL,
  "lease_owner" TEXT,
  "lease_until" TIMESTAMPTZ(3),
  "fence" BIGINT NOT NULL DEFAULT 0,
  "next_nonce" BIGINT NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "wallets_pkey" PRIMARY KEY ("network", "address")
);

-- One per nonce of a wallet; its attempts are the signed bytes that compete for that nonce.
CREATE TABLE "chain_transactions" (
  "id" TEXT NOT NULL,
  "network" TEXT NOT NULL,
  "wallet" TEXT NOT NULL,
  "nonce" BIGINT NOT NULL,
  -- open, or decided by a receipt at the network's confirmations
  "state" TEXT NOT NULL,
  "mined_hash" TEXT,
  "block_number" BIGINT,
  "block_hash" TEXT,
  "succeeded" BOOLEAN,
  "fee_wei" DECIMAL(78,0),
  "is_final" BOOLEAN NOT NULL DEFAULT false,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "decided_at" TIMESTAMPTZ(3),
  CONSTRAINT "chain_transactions_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "chain_transactions_network_wallet_nonce_key" ON "chain_transactions"("network", "wallet", "nonce");
CREATE INDEX "chain_transactions_network_state_is_final_block_number_idx" ON "chain_transactions"("network", "state", "is_final", "block_number");

CREATE TABLE "chain_attempts" (
  "network" TEXT NOT NULL,
  "hash" TEXT NOT NULL,
  "transaction_id" TEXT NOT NULL,
  -- settle or cancel
  "kind" TEXT NOT NULL,
  "raw" TEXT NOT NULL,
  "gas" BIGINT NOT NULL,
  "max_fee_wei" DECIMAL(78,0) NOT NULL,
  "tip_wei" DECIMAL(78,0) NOT NULL,
  "fence" BIGINT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "chain_attempts_pkey" PRIMARY KEY ("network", "hash"),
  CONSTRAINT "chain_attempts_transaction_id_fkey" FOREIGN KEY ("transaction_id") REFERENCES "chain_transactions"("id") ON DELETE RESTRICT ON UPDATE RESTRICT
);
CREATE INDEX "chain_attempts_transaction_id_idx" ON "chain_attempts"("transaction_id");
CREATE INDEX "chain_attempts_hash_idx" ON "chain_attempts"("hash");

CREATE TABLE "attempt_members" (
  "network" TEXT NOT NULL,
  "hash" TEXT NOT NULL,
  "settlement_id" TEXT NOT NULL,
  CONSTRAINT "attempt_members_pkey" PRIMARY KEY ("network", "hash", "settlement_id"),
  CONSTRAINT "attempt_members_network_hash_fkey" FOREIGN KEY ("network", "hash") REFERENCES "chain_attempts"("network", "hash") ON DELETE RESTRICT ON UPDATE RESTRICT
);
CREATE INDEX "attempt_members_settlement_id_idx" ON "attempt_members"("settlement_id");

-- Money that signed and undecided transactions will take from a payer, over all wallets and batches.
CREATE TABLE "payer_flights" (
  "network" TEXT NOT NULL,
  "asset" TEXT NOT NULL,
  "payer" TEXT NOT NULL,
  "in_flight" DECIMAL(78,0) NOT NULL,
  -- A balance read before this block does not know what was decided there.
  "decided_block" BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT "payer_flights_pkey" PRIMARY KEY ("network", "asset", "payer")
);

-- One Transfer serves one settlement.
CREATE TABLE "used_transfers" (
  "network" TEXT NOT NULL,
  "transaction_hash" TEXT NOT NULL,
  "position" INTEGER NOT NULL,
  "settlement_id" TEXT NOT NULL,
  CONSTRAINT "used_transfers_pkey" PRIMARY KEY ("network", "transaction_hash", "position")
);
CREATE UNIQUE INDEX "used_transfers_settlement_id_key" ON "used_transfers"("settlement_id");

-- Append-only, double entry: the amounts of one transfer's entries add up to zero.
CREATE TABLE "ledger_entries" (
  "id" BIGSERIAL NOT NULL,
  "network" TEXT NOT NULL,
  "transaction_hash" TEXT NOT NULL,
  -- The log's position in its transaction; -1: the gas of the whole transaction.
  "position" INTEGER NOT NULL,
  "block_number" BIGINT NOT NULL,
  "block_hash" TEXT NOT NULL,
  -- post or reverse
  "kind" TEXT NOT NULL,
  -- How often this transfer was reversed in this block before: a block can come back.
  "turn" INTEGER NOT NULL DEFAULT 0,
  "account" TEXT NOT NULL,
  -- A token's address, or native.
  "asset" TEXT NOT NULL,
  "amount" DECIMAL(78,0) NOT NULL,
  "settlement_id" TEXT,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "ledger_entries_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "ledger_entries_transfer_key" ON "ledger_entries"("network", "transaction_hash", "position", "block_hash", "kind", "turn", "account");
CREATE INDEX "ledger_entries_account_idx" ON "ledger_entries"("account", "network", "asset");
CREATE INDEX "ledger_entries_settlement_id_idx" ON "ledger_entries"("settlement_id");

CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only: reverse an entry by another one';
END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON "ledger_entries"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- Wei of gas spent: by tenant and by payer a day, by wallet an hour.
CREATE TABLE "gas_spent" (
  "scope" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "network" TEXT NOT NULL,
  "bucket" TIMESTAMPTZ(0) NOT NULL,
  "wei" DECIMAL(78,0) NOT NULL,
  CONSTRAINT "gas_spent_pkey" PRIMARY KEY ("scope", "subject", "network", "bucket")
);

-- The emergency stop; network * stops all.
CREATE TABLE "payment_stops" (
  "network" TEXT NOT NULL,
  "reason" TEXT NOT NULL,
  "stopped_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "payment_stops_pkey" PRIMARY KEY ("network")
);

-- What the worker says of each network: whether it can settle there, and since when.
CREATE TABLE "network_reports" (
  "network" TEXT NOT NULL,
  "able_since" TIMESTAMPTZ(3),
  "unable_since" TIMESTAMPTZ(3),
  "is_listed" BOOLEAN NOT NULL DEFAULT true,
  "reported_at" TIMESTAMPTZ(3) NOT NULL,
  "report" JSONB NOT NULL,
  CONSTRAINT "network_reports_pkey" PRIMARY KEY ("network")
);

CREATE TABLE "idempotency_keys" (
  "tenant_id" TEXT NOT NULL,
  "mode" TEXT NOT NULL,
  "key_hash" TEXT NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("tenant_id", "mode", "key_hash")
);
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");

ALTER TABLE "usage_periods" ADD COLUMN "settlements" BIGINT NOT NULL DEFAULT 0;
