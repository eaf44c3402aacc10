// Brings the Python packages that tests drive: a virtual environment beside the official npm packages. Plain Node
// without dependencies, like prepare.mjs. Does nothing, silently, when all is there.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { step } from './prepare.mjs'

const REQUIREMENTS = 'tests/official/requirements.txt'
const FOLDER = 'tests/official/.venv'
const STAMP = join(FOLDER, '.installed')
/** The one on the PATH may be without what makes environments, while the system's has it. */
const PYTHONS = ['python3', '/usr/bin/python3']

/** The Python that can make virtual environments, or null: Debian has that in a package of its own, python3-venv. */
export function findPython() {
  const canMake = (python) => spawnSync(python, ['-c', 'import ensurepip, venv']).status === 0
  return PYTHONS.find(canMake) ?? null
}

/** Makes the environment and installs what requirements.txt names, when that is not what was installed last. */
export async function preparePython() {
  const requirements = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex')
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === requirements) return
  const python = findPython()
  if (!python) throw new Error('The tests need Python 3 with venv. On Debian: apt-get install python3-venv')
  // Made anew: an old one may be of another Python, or a half that was left when somebody pressed Ctrl-C.
  await step('Making a Python environment for tests', python, ['-m', 'venv', '--clear', FOLDER])
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '-r', REQUIREMENTS]
  await step('Installing Python packages for tests (about a minute)', join(FOLDER, 'bin/python'), pip)
  writeFileSync(STAMP, requirements)
}
