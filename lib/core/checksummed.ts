import { getAddress, isAddress } from 'viem'

/** An address as it is shown, with its checksum (EIP-55); what is no address stays as it is. */
export function checksummed<Text extends string | null>(address: Text): Text {
  return address !== null && isAddress(address, { strict: false }) ? (getAddress(address) as Text) : address
}
