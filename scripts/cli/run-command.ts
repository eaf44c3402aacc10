import { parseArgs } from 'node:util'
import type { Admin } from '@/lib/create-admin'
import { usage, withAdmin } from './connect'
import { OptionError, type Options } from './options'

/** Reads its options first, so that a mistake shows before anything is done; then works on the database. */
export type Command = (options: Options) => (admin: Admin) => Promise<void>

/** Runs the command that the first argument names. */
export async function runCommand(
  help: string,
  names: readonly string[],
  commands: Readonly<Record<string, Command>>,
): Promise<void> {
  const [name = '', ...args] = process.argv.slice(2)
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) usage(help, name && name !== 'help' && name !== '--help' ? `There is no command "${name}".` : undefined)
  let work: ReturnType<Command>
  try {
    const options = Object.fromEntries(names.map((option) => [option, { type: 'string' as const }]))
    work = command(parseArgs({ args, options, allowPositionals: false }).values as Options)
  } catch (error) {
    usage(help, error instanceof OptionError || error instanceof TypeError ? error.message : String(error))
  }
  await withAdmin(work)
}
