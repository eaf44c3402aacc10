declare module 'secp256k1/bindings' {
  export function ecdsaRecover(rs: Uint8Array, recovery: number, digest: Uint8Array, compressed: boolean): Uint8Array
}
