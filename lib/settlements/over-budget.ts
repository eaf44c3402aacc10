import { AppError } from '@/lib/core/errors'
import type { SettlementRefusal } from './reasons'
import type { Settlement } from './settlement'
import type { OverBudget } from './settlement-store'

/** What was sent before is out there: that no gas is left does not make its authorization unused. */
export function notSentAgain({ reason }: Settlement, budget: OverBudget): SettlementRefusal {
  const message = `It failed on chain, and is not sent again now: ${usedUp(budget)} Send the same payment tomorrow.`
  return { reason: reason ?? 'invalid_exact_evm_transaction_failed', message }
}

function usedUp(budget: OverBudget): string {
  return `the gas that we carry for this ${budget === 'tenant_gas' ? 'account' : 'payer'} on this network today is used up.`
}

/** Nothing was sent. */
export function gasBudgetExceeded(budget: OverBudget): AppError {
  const message = `Nothing was sent: ${usedUp(budget)} Retry tomorrow.`
  return new AppError('gas_budget_exceeded', { message, retryAfterSeconds: 3_600 })
}
