// Checks that a lock file names every package that its packages ask for, the optional ones of other platforms too:
// one that is missing makes `npm ci` refuse the lock on some machine, though `npm install` worked here.
import { readFileSync } from 'node:fs'

/** The names that a lock file lacks, each with who asks for it. */
export function missingFromLock(file) {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'))
  const missing = []
  for (const [path, entry] of Object.entries(packages)) {
    const wanted = {
      ...entry.dependencies,
      ...entry.optionalDependencies,
      ...(path === '' ? entry.devDependencies : {}),
    }
    for (const name of Object.keys(wanted)) {
      if (!isThere(packages, path, name)) missing.push(`${name}, wanted by ${path || 'the project'}`)
    }
  }
  return missing
}

/** Looks for a package where Node would: beside the one that asks, and in every node_modules above it. */
function isThere(packages, path, name) {
  const parts = path === '' ? [] : path.split('/node_modules/')
  for (let depth = parts.length; depth >= 0; depth--) {
    const above = parts.slice(0, depth).join('/node_modules/')
    if (packages[`${above === '' ? '' : `${above}/`}node_modules/${name}`]) return true
  }
  return false
}
