import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive } from './processes'

/** Makes sure that a data folder has one running service. Gives the way to let it go. */
export async function claimFolder(folder: string): Promise<() => Promise<void>> {
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

/** A pid may have gone to somebody else since. */
async function isOurs(pid: number): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'run.ts')
  return commandLine.includes('run.ts')
}
