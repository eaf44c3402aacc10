import { parseArgs } from 'node:util'
import { usage } from './connect'
import { OptionError, type Options } from './options'

type Flags = { values: readonly string[]; switches: readonly string[] }

/** Reads the options of a command that has no others below it. What is wrong with them ends it with 2. */
export function readOptions<T>(help: string, { values, switches }: Flags, read: (options: Options) => T): T {
  const options = Object.fromEntries([
    ...values.map((name) => [name, { type: 'string' as const }]),
    ...[...switches, 'help'].map((name) => [name, { type: 'boolean' as const }]),
  ])
  try {
    const given: Record<string, unknown> = parseArgs({ options, allowPositionals: false }).values
    const texts = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]))
    if (texts['help']) usage(help)
    return read(texts)
  } catch (error) {
    usage(help, error instanceof OptionError || error instanceof TypeError ? error.message : String(error))
  }
}
