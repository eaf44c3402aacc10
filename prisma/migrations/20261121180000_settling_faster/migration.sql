-- In rows of more than two kilobytes the large columns stand apart, and no others: with a lower target even the id did.
ALTER TABLE "settlements" SET (toast_tuple_target = 1300);

-- A row that changes enters each of its indexes anew. What settled is found by time; the other states are few.
DROP INDEX "settlements_tenant_id_mode_state_created_at_idx";
CREATE INDEX "settlements_tenant_id_mode_state_created_at_idx" ON "settlements"("tenant_id", "mode", "state", "created_at")
  WHERE "state" NOT IN ('mined', 'final');
DROP INDEX "settlements_tenant_id_mode_payment_identifier_idx";
CREATE INDEX "settlements_tenant_id_mode_payment_identifier_idx" ON "settlements"("tenant_id", "mode", "payment_identifier")
  WHERE "payment_identifier" IS NOT NULL;
DROP INDEX "settlements_network_is_ready_created_at_idx";
CREATE INDEX "settlements_network_created_at_idx" ON "settlements"("network", "created_at") WHERE "is_ready";
DROP INDEX "settlements_network_state_block_number_idx";
CREATE INDEX "settlements_network_updated_at_idx" ON "settlements"("network", "updated_at")
  WHERE "state" = 'failed' AND "released_at" IS NULL;
CREATE INDEX "settlements_network_block_number_idx" ON "settlements"("network", "block_number")
  WHERE "state" = 'settled_by_other';

-- The members of a transaction are in attempt_members, with every hash that was ever sent for a row. Two more hashes
-- can be a row's: somebody else's, which its event keeps whatever becomes of that block, and that of a magic payment.
DROP INDEX "settlements_transaction_id_idx";
DROP INDEX "settlements_tenant_id_mode_transaction_hash_idx";
CREATE INDEX "settlements_tenant_id_mode_transaction_hash_idx" ON "settlements"("tenant_id", "mode", "transaction_hash")
  WHERE "is_magic";
CREATE INDEX "settlement_events_transaction_hash_idx" ON "settlement_events"("transaction_hash")
  WHERE "transition" = 'preempt';

-- What a tenant has chosen for its settlements.
ALTER TABLE "tenants"
  ADD COLUMN "wait_until" TEXT NOT NULL DEFAULT 'mined',
  ADD COLUMN "accepts_others" BOOLEAN NOT NULL DEFAULT true;
