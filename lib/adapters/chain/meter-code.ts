import type { Hex } from '@/lib/core/hex'

const OPCODES = {
  ADD: 0x01,
  MUL: 0x02,
  SUB: 0x03,
  DIV: 0x04,
  LT: 0x10,
  GT: 0x11,
  ISZERO: 0x15,
  OR: 0x17,
  CALLDATALOAD: 0x35,
  CALLDATASIZE: 0x36,
  CALLDATACOPY: 0x37,
  EXTCODESIZE: 0x3b,
  RETURNDATASIZE: 0x3d,
  POP: 0x50,
  MSTORE: 0x52,
  JUMP: 0x56,
  JUMPI: 0x57,
  GAS: 0x5a,
  CALL: 0xf1,
  RETURN: 0xf3,
} as const

/**
 * Each line is a step; after `;` stands the stack it leaves, top first. `:name` is a place to jump to and `@name` its
 * address. `in` is where the record begins in the calldata, `out` where its result goes in memory.
 */
const PROGRAM = `
  0 0 CALLDATALOAD MSTORE                    ; memory reaches past the results, so that no call pays for it
  0 32                                       ; in out
  :next
  DUP1 CALLDATASIZE GT ISZERO @end JUMPI     ; in out
  DUP1 CALLDATALOAD EXTCODESIZE POP          ; in out                        the target is warm now
  DUP1 96 ADD CALLDATALOAD                   ; len in out
  DUP1 DUP3 128 ADD 0 CALLDATALOAD           ; results from len len in out
  CALLDATACOPY                               ; len in out                    the data is behind the results
  DUP2 CALLDATALOAD                          ; target len in out
  DUP3 64 ADD CALLDATALOAD                   ; named target len in out
  DUP1 1000 ADD 64 GAS DIV 63 MUL LT         ; starved named target len in out
  GAS                                        ; before starved named target len in out
  32                                         ; size before starved named target len in out
  DUP8 64 ADD                                ; word size before starved named target len in out
  DUP7                                       ; len word size before starved named target len in out
  0 CALLDATALOAD 0                           ; value data len word size before starved named target len in out
  DUP9                                       ; target value data len word size before starved named target len in out
  DUP9                                       ; named target value data len word size before starved named target ...
  CALL                                       ; ok before starved named target len in out
  GAS DUP3 SUB                               ; spent ok before starved named target len in out
  DUP9 32 ADD MSTORE                         ; ok before starved named target len in out
  DUP8 MSTORE                                ; before starved named target len in out
  POP                                        ; starved named target len in out
  4 MUL                                      ; flags named target len in out
  DUP5 32 ADD CALLDATALOAD EXTCODESIZE       ; size flags named target len in out
  ISZERO ISZERO DUP1 ADD OR                  ; flags named target len in out
  31 RETURNDATASIZE GT OR                    ; flags named target len in out
  DUP6 96 ADD MSTORE                         ; named target len in out
  POP POP ADD 128 ADD                        ; in out
  SWAP1 128 ADD SWAP1                        ; in out
  @next JUMP
  :end
  0 CALLDATALOAD 0 RETURN
`

/** What the opcodes between the two GAS cost, CALL of a warm address (100) and the second GAS (2) among them. */
export const METERED_OPCODES_GAS = 10n * 3n + 100n + 2n

/** Makes every call that its calldata lists and answers four words for each: ok, gas, first word returned, flags. */
export const METER_CODE: Hex = assemble(PROGRAM)

function assemble(program: string): Hex {
  const words = program.split('\n').flatMap((line) => line.split(';', 1).join('').trim().split(/\s+/).filter(Boolean))
  const places = new Map<string, number>()
  let size = 0
  for (const name of words) {
    if (name.startsWith(':')) places.set(name.slice(1), size)
    size += toBytes(name, places).length / 2
  }
  return `0x${words.map((name) => toBytes(name, places)).join('')}`
}

/** One word of the program in hex. An address not known yet counts as 0, which is as long as any. */
function toBytes(name: string, places: ReadonlyMap<string, number>): string {
  if (name.startsWith(':')) return '5b'
  if (name.startsWith('@')) return push(places.get(name.slice(1)) ?? 0)
  if (/^\d+$/.test(name)) return push(Number(name))
  const [, family, position] = /^(DUP|SWAP)(\d+)$/.exec(name) ?? []
  if (family) return ((family === 'DUP' ? 0x7f : 0x8f) + Number(position)).toString(16)
  const opcode = OPCODES[name as keyof typeof OPCODES]
  if (opcode === undefined) throw new Error(`no opcode ${name}`)
  return opcode.toString(16).padStart(2, '0')
}

function push(value: number): string {
  return value < 256 ? `60${value.toString(16).padStart(2, '0')}` : `61${value.toString(16).padStart(4, '0')}`
}
