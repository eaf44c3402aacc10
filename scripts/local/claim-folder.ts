import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commandLineOf, isAlive, type Stop } from './processes'

/** Makes sure that a data folder has one running service. Gives the way to let it go. */
export async function claimFolder(folder: string): Promise<Stop> {
  const file = join(folder, 'run.pid')
  const other = existsSync(file) ? Number(await readFile(file, 'utf8')) : 0
  if (other > 0 && other !== process.pid && isAlive(other) && (await isOurs(other))) {
    throw new Error(
      `Payproof runs already with the data in ${folder} (process ${other}). Stop it, or set X402_DATA_DIR to another folder.`,
    )
  }
  await writeFile(file, String(process.pid))
  return () => rm(file, { force: true })
}

/** A pid may have gone to somebody else since; where nobody can tell, it is taken for ours. */
async function isOurs(pid: number): Promise<boolean> {
  return (await commandLineOf(pid))?.includes('scripts/run.ts') ?? true
}
