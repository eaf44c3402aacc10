import { type Logger, pino } from 'pino'

export type { Logger }

const SECRETS = [
  /x402_(live|test)_[0-9A-Za-z]+/g,
  /whsec_[0-9A-Za-z+/=]+/g,
  /sk_(live|test)_[0-9A-Za-z]+/g,
  /(:\/\/[^\s:/@"]*):[^\s/@"]+@/g,
  /0x[0-9a-fA-F]{64,}/g,
]
const REPLACEMENTS = ['x402_$1_***', 'whsec_***', 'sk_$1_***', '$1:***@', '0x***']

/** Takes secrets out of a finished line: by path alone they slip through in messages and stacks. */
export function scrub(line: string): string {
  return SECRETS.reduce((text, pattern, index) => text.replace(pattern, REPLACEMENTS[index] as string), line)
}

/** JSON lines on standard output, scrubbed as the last step. */
export function createLogger(level: string): Logger {
  return pino({ level, base: null }, { write: (line: string) => process.stdout.write(scrub(line)) })
}
