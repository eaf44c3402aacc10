import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

type Snippet = { path: string; text: string; rule: string }
type Report = { diagnostics: { category: string; severity: string; location: { path: string } }[] }

const IMPORTS = 'lint/style/noRestrictedImports'
const importing = (module: string) => `import { thing } from '${module}'\n\nexport const other = thing\n`

/** One line of code each, with the rule that must refuse it. */
const BAD: Record<string, Snippet> = {
  'a domain imports another domain': {
    path: 'lib/payments/bad-domain.ts',
    text: importing('@/lib/usage/limits'),
    rule: IMPORTS,
  },
  'a domain imports the types of another domain': {
    path: 'lib/usage/bad-type.ts',
    text: "import type { Thing } from '@/lib/api-keys/caller-record'\n\nexport type Other = Thing\n",
    rule: IMPORTS,
  },
  'a domain imports a domain lazily': {
    path: 'lib/payments/bad-lazy.ts',
    text: "export const load = () => import('@/lib/usage/limits')\n",
    rule: IMPORTS,
  },
  'a domain hands another domain on': {
    path: 'lib/payments/bad-export.ts',
    text: "export { thing } from '@/lib/usage/limits'\n",
    rule: IMPORTS,
  },
  'a domain imports an adapter': {
    path: 'lib/payments/bad-adapter.ts',
    text: importing('@/lib/adapters/chain/multicall'),
    rule: IMPORTS,
  },
  'a domain imports contracts': {
    path: 'lib/payments/bad-contract.ts',
    text: importing('@/lib/contracts/x402'),
    rule: IMPORTS,
  },
  'a domain imports http': {
    path: 'lib/verifications/bad-http.ts',
    text: importing('@/lib/http/respond'),
    rule: IMPORTS,
  },
  'a domain imports the environment': {
    path: 'lib/tenants/bad-env.ts',
    text: importing('@/lib/env'),
    rule: IMPORTS,
  },
  'core imports something of the product': {
    path: 'lib/core/bad-core.ts',
    text: importing('@/lib/networks/networks'),
    rule: IMPORTS,
  },
  'http imports a domain': { path: 'lib/http/bad-http.ts', text: importing('@/lib/usage/limits'), rule: IMPORTS },
  'contracts import a domain': {
    path: 'lib/contracts/bad-contract.ts',
    text: importing('@/lib/payments/verdict'),
    rule: IMPORTS,
  },
  'an adapter imports a domain whose port it does not implement': {
    path: 'lib/adapters/redis/bad-port.ts',
    text: "import type { Thing } from '@/lib/payments/verdict'\n\nexport type Other = Thing\n",
    rule: IMPORTS,
  },
  'an adapter imports another adapter': {
    path: 'lib/adapters/chain/bad-adapter.ts',
    text: importing('@/lib/adapters/postgres/pool'),
    rule: IMPORTS,
  },
  'an adapter imports the environment': {
    path: 'lib/adapters/postgres/bad-env.ts',
    text: importing('@/lib/env'),
    rule: IMPORTS,
  },
  'a route imports an adapter': {
    path: 'pages/api/v1/x402/bad-adapter.ts',
    text: importing('@/lib/adapters/postgres/pool'),
    rule: IMPORTS,
  },
  'a route imports a domain': {
    path: 'pages/api/v1/x402/bad-domain.ts',
    text: importing('@/lib/payments/verify-payment'),
    rule: IMPORTS,
  },
  'a component imports the services': {
    path: 'components/plans/bad-services.tsx',
    text: importing('@/lib/services'),
    rule: IMPORTS,
  },
  'a component imports a domain': {
    path: 'components/plans/bad-domain.tsx',
    text: importing('@/lib/usage/list-plans'),
    rule: IMPORTS,
  },
  'an import that climbs by ../': {
    path: 'lib/payments/exact-eip3009/bad-climb.ts',
    text: importing('../verdict'),
    rule: IMPORTS,
  },
  'an import that climbs in a script': { path: 'scripts/bad-climb.ts', text: importing('../lib/env'), rule: IMPORTS },
  'an import that climbs in a test': {
    path: 'tests/unit/bad-climb.ts',
    text: importing('../support/api'),
    rule: IMPORTS,
  },
  'pg outside of its adapter': { path: 'lib/usage/bad-pg.ts', text: importing('pg'), rule: IMPORTS },
  'a file inside pg': { path: 'lib/usage/bad-pg-file.ts', text: importing('pg/lib/utils'), rule: IMPORTS },
  'pg in another adapter': { path: 'lib/adapters/redis/bad-pg.ts', text: importing('pg'), rule: IMPORTS },
  'ioredis outside of its adapter': { path: 'lib/usage/bad-redis.ts', text: importing('ioredis'), rule: IMPORTS },
  'ioredis in another adapter': {
    path: 'lib/adapters/postgres/bad-redis.ts',
    text: importing('ioredis'),
    rule: IMPORTS,
  },
  'undici outside of its adapter': { path: 'lib/networks/bad-undici.ts', text: importing('undici'), rule: IMPORTS },
  'undici in a route': { path: 'pages/api/bad-undici.ts', text: importing('undici'), rule: IMPORTS },
  'the AWS SDK outside of its adapter': {
    path: 'lib/settlements/bad-kms.ts',
    text: importing('@aws-sdk/client-kms'),
    rule: IMPORTS,
  },
  'the AWS SDK, lazily, in another adapter': {
    path: 'lib/adapters/chain/bad-kms.ts',
    text: "export const load = () => import('@aws-sdk/client-kms')\n",
    rule: IMPORTS,
  },
  'the AWS SDK in a route': { path: 'pages/api/bad-kms.ts', text: importing('@aws-sdk/client-kms'), rule: IMPORTS },
  'a settlement imports an adapter': {
    path: 'lib/settlements/bad-signer.ts',
    text: importing('@/lib/adapters/signers/local-signer'),
    rule: IMPORTS,
  },
  'a signer imports the environment': {
    path: 'lib/adapters/signers/bad-env.ts',
    text: importing('@/lib/env'),
    rule: IMPORTS,
  },
  'a signer imports a domain whose port it does not implement': {
    path: 'lib/adapters/signers/bad-port.ts',
    text: "import type { Thing } from '@/lib/payments/verdict'\n\nexport type Other = Thing\n",
    rule: IMPORTS,
  },
  'the generated client outside of its adapter': {
    path: 'lib/tenants/bad-prisma.ts',
    text: importing('@/generated/prisma/client'),
    rule: IMPORTS,
  },
  'the generated client in another adapter': {
    path: 'lib/adapters/chain/bad-prisma.ts',
    text: importing('@/generated/prisma/client'),
    rule: IMPORTS,
  },
  'Prisma’s package in a domain': {
    path: 'lib/tenants/bad-client.ts',
    text: importing('@prisma/client'),
    rule: IMPORTS,
  },
  'Next in a domain': { path: 'lib/payments/bad-next.ts', text: importing('next/server'), rule: IMPORTS },
  'React in http': { path: 'lib/http/bad-react.ts', text: importing('react'), rule: IMPORTS },
  'process.env outside of lib/env.ts': {
    path: 'lib/core/bad-env.ts',
    text: "export const port = process.env['PORT']\n",
    rule: 'lint/style/noProcessEnv',
  },
  'process.env in the server': {
    path: 'server.ts',
    text: 'export const port = process.env.PORT\n',
    rule: 'lint/style/noProcessEnv',
  },
  'process.env of an imported process': {
    path: 'lib/core/bad-process.ts',
    text: "import process from 'node:process'\n\nexport const port = process.env['PORT']\n",
    rule: 'lint/style/noProcessEnv',
  },
  'the environment by another import': {
    path: 'lib/core/bad-env-import.ts',
    text: "import { env } from 'node:process'\n\nexport const port = env['PORT']\n",
    rule: 'lint/style/noProcessEnv',
  },
  'a file name in camel case': {
    path: 'lib/core/badName.ts',
    text: 'export const one = 1\n',
    rule: 'lint/style/useFilenamingConvention',
  },
  'a circle of imports': {
    path: 'lib/usage/bad-circle-one.ts',
    text: "import { two } from './bad-circle-two'\n\nexport const one = () => two\n",
    rule: 'lint/suspicious/noImportCycles',
  },
  'a barrel': {
    path: 'lib/usage/index.ts',
    text: "export * from './limits'\n",
    rule: 'lint/performance/noBarrelFile',
  },
  'a promise that nobody waits for': {
    path: 'lib/usage/bad-floating.ts',
    text: 'async function work(): Promise<void> {}\n\nexport function start(): void {\n  work()\n}\n',
    rule: 'lint/nursery/noFloatingPromises',
  },
  'a function of 41 lines': {
    path: 'lib/usage/bad-long-function.ts',
    text: `export function long(): number {\n  let sum = 0\n${'  sum += 1\n'.repeat(39)}  return sum\n}\n`,
    rule: 'lint/complexity/noExcessiveLinesPerFunction',
  },
  'a file of 201 lines': {
    path: 'lib/usage/bad-long-file.ts',
    text: Array.from({ length: 201 }, (_, index) => `export const number${index} = ${index}\n`).join(''),
    rule: 'lint/style/noExcessiveLinesPerFile',
  },
  'a default export': {
    path: 'lib/usage/bad-default.ts',
    text: 'export default function limits(): void {}\n',
    rule: 'lint/style/noDefaultExport',
  },
  any: {
    path: 'lib/usage/bad-any.ts',
    text: 'export const loose = (value: any): unknown => value\n',
    rule: 'lint/suspicious/noExplicitAny',
  },
  'an exclamation mark in the place of a check': {
    path: 'lib/usage/bad-bang.ts',
    text: 'export const first = (list: string[]): string => list[0]!\n',
    rule: 'lint/style/noNonNullAssertion',
  },
  'an enum': { path: 'lib/usage/bad-enum.ts', text: 'export enum Mode {\n  Live,\n}\n', rule: 'lint/style/noEnum' },
  'an interface': {
    path: 'lib/usage/bad-interface.ts',
    text: 'export interface Limits {\n  minute: number\n}\n',
    rule: 'lint/style/useConsistentTypeDefinitions',
  },
}

const GOOD: Record<string, string> = {
  'lib/usage/bad-circle-two.ts': "import { one } from './bad-circle-one'\n\nexport const two = () => one\n",
  'lib/usage/limits.ts': 'export const thing = 1\n',
  'lib/core/word.ts': 'export const word = 1\n',
  'lib/payments/good.ts':
    "import { word } from '@/lib/core/word'\nimport { network } from '@/lib/networks/good'\nimport { near } from './near'\n\nexport const good = word + network + near\n",
  'lib/payments/near.ts': 'export const near = 1\n',
  'lib/payments/deep/good.ts': "import { near } from '@/lib/payments/near'\n\nexport const deep = near\n",
  'lib/networks/good.ts': 'export const network = 1\n',
  'lib/adapters/redis/good.ts':
    "import { Redis } from 'ioredis'\nimport type { Thing } from '@/lib/usage/types'\n\nexport const connect = (thing: Thing) => new Redis(thing)\n",
  'lib/adapters/postgres/good.ts':
    "import { Pool } from 'pg'\nimport { PrismaClient } from '@/generated/prisma/client'\n\nexport const both = [Pool, PrismaClient]\n",
  'lib/adapters/chain/good.ts': "import { Pool } from 'undici'\n\nexport const pool = Pool\n",
  'lib/adapters/signers/good.ts':
    "import type { Thing } from '@/lib/settlements/types'\n\nexport const load = (_: Thing) => import('@aws-sdk/client-kms')\n",
  'lib/settlements/types.ts': 'export type Thing = string\n',
  'lib/usage/types.ts': 'export type Thing = string\n',
  'lib/env.ts': "export const port = process.env['PORT']\n",
  'pages/api/v1/x402/good.ts':
    "import { word } from '@/lib/contracts/good'\nimport { thing } from '@/lib/services'\n\nexport default function handler() {\n  return [word, thing]\n}\n",
  'lib/contracts/good.ts': "import { word as inner } from '@/lib/core/word'\n\nexport const word = inner\n",
  'lib/services.ts': "import { thing as inner } from '@/lib/usage/limits'\n\nexport const thing = inner\n",
  'lib/usage/forty-lines.ts': `export function fits(): number {\n  let sum = 0\n${'  sum += 1\n'.repeat(38)}  return sum\n}\n`,
  'lib/usage/two-hundred-lines.ts': Array.from({ length: 200 }, (_, index) => `export const number${index} = 0\n`).join(
    '',
  ),
}

const folders = (path: string) =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${path}/${entry.name}`)
const LAYERS = [...folders('lib'), ...folders('lib/adapters')].filter((folder) => folder !== 'lib/adapters')
const PACKAGES = ['pg', 'ioredis', 'undici', '@aws-sdk/client-kms', '@/generated/prisma/client'] as const
const HOMES: Record<string, string> = {
  pg: 'lib/adapters/postgres',
  ioredis: 'lib/adapters/redis',
  undici: 'lib/adapters/chain',
  '@aws-sdk/client-kms': 'lib/adapters/signers',
  '@/generated/prisma/client': 'lib/adapters/postgres',
}

/** For every folder that there is, so that a new one without a rule is found. */
function layerFiles(): Record<string, string> {
  const files: Record<string, string> = {}
  for (const layer of LAYERS) {
    files[`${layer}/upwards.ts`] = importing('@/lib/services')
    for (const [index, name] of PACKAGES.entries()) files[`${layer}/package-${index}.ts`] = importing(name)
  }
  return files
}

let folder: string
let report: Report

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'payproof-layers-'))
  for (const file of ['biome.json', 'tsconfig.json', '.gitignore']) await copyFile(file, join(folder, file))
  const bad = Object.fromEntries(Object.values(BAD).map(({ path, text }) => [path, text]))
  for (const [path, text] of Object.entries({ ...bad, ...GOOD, ...layerFiles() })) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  report = await lint(folder)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function lint(cwd: string): Promise<Report> {
  const biome = join(process.cwd(), 'node_modules/.bin/biome')
  const options = { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const
  return new Promise((resolve) => {
    execFile(biome, ['lint', '--reporter=json', '--max-diagnostics=none', '.'], options, (_, stdout) =>
      resolve(JSON.parse(stdout)),
    )
  })
}

const rulesAt = (path: string) =>
  report.diagnostics.filter(({ location }) => location.path === path).map(({ category }) => category)

describe('the linter refuses', () => {
  it.each(Object.entries(BAD))('%s', (_, { path, rule }) => {
    expect(rulesAt(path)).toContain(rule)
  })

  it.each(LAYERS)('an import of lib/services in %s', (layer) => {
    expect(rulesAt(`${layer}/upwards.ts`)).toContain(IMPORTS)
  })

  it.each(LAYERS)('every vendor’s package in %s that has its place elsewhere', (layer) => {
    for (const [index, name] of PACKAGES.entries()) {
      const refused = rulesAt(`${layer}/package-${index}.ts`).includes(IMPORTS)
      expect({ name, refused }).toEqual({ name, refused: HOMES[name] !== layer })
    }
  })

  it('with an error, which stops the build, and never with a mere warning', () => {
    const paths = new Set(Object.values(BAD).map(({ path }) => path))
    const mild = report.diagnostics.filter(({ location, severity }) => paths.has(location.path) && severity !== 'error')
    expect(mild.map(({ category }) => category)).toEqual([])
  })
})

describe('the linter lets pass', () => {
  const passing = Object.keys(GOOD).filter((path) => path !== 'lib/usage/bad-circle-two.ts')

  it.each(passing)('%s', (path) => {
    expect(rulesAt(path)).toEqual([])
  })
})
