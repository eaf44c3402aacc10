import { bytesToHex, type Hex } from 'viem'
import { type HDAccount, mnemonicToAccount } from 'viem/accounts'

/** The mnemonic that anvil and its like print for everybody: development only, whatever is sent there is lost. */
const DEVELOPMENT_MNEMONIC = 'test test test test test test test test test test test junk'

export const DEV_ACCOUNTS: readonly HDAccount[] = Array.from({ length: 10 }, (_, index) =>
  mnemonicToAccount(DEVELOPMENT_MNEMONIC, { addressIndex: index }),
)

/** Pays in the quickstart. */
export const DEV_PAYER = DEV_ACCOUNTS[0] as HDAccount
/** Owner, master minter, pauser and blacklister of the local tokens. */
export const TOKEN_OWNER = DEV_ACCOUNTS[1] as HDAccount
/** Pay the gas of settlements. */
export const DEV_WALLETS: readonly HDAccount[] = DEV_ACCOUNTS.slice(3, 5)
/** Is paid in the quickstart. */
export const DEV_PAYEE = DEV_ACCOUNTS[9] as HDAccount

/** A key that everybody knows. */
export function privateKeyOf(account: HDAccount): Hex {
  const { privateKey } = account.getHdKey()
  if (!privateKey) throw new Error(`the key of ${account.address} cannot be derived`)
  return bytesToHex(privateKey)
}
