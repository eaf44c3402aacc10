import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { outsideHome } from '@/scripts/local/postgres-place'
import { call } from '@/tests/support/api'
import { type Product, processesOf, startProduct, waitForNone } from '@/tests/support/start-product'

const run = promisify(execFile)
const folders: string[] = []
const products: Product[] = []

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'payproof-start-'))
  // Root runs Postgres as another user, who has to reach it.
  await chmod(folder, 0o711)
  folders.push(folder)
  return folder
}

async function start(options: Parameters<typeof startProduct>[0]): Promise<Product> {
  const product = await startProduct(options)
  products.push(product)
  return product
}

afterEach(async () => {
  for (const product of products.splice(0)) await product.end('SIGTERM')
  for (const folder of folders.splice(0)) {
    await waitForNone(folder, 15_000)
    for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
})

/** Pastes a printed curl line into a shell. */
async function pasteCurl(product: Product, route: 'verify' | 'settle' = 'verify'): Promise<unknown> {
  const line = new RegExp(`^curl -s \\S+/${route} .*$`, 'm').exec(product.output())?.[0] ?? 'false'
  const { stdout } = await run('sh', ['-c', line])
  return JSON.parse(stdout)
}

/** What a process of a start was given as its environment. */
function environmentOf(folder: string, file: 'server.ts' | 'worker.ts'): Record<string, string> {
  const found = processesOf(folder).find(({ command }) => command.includes(file))
  const lines = readFileSync(`/proc/${found?.pid}/environ`, 'utf8').split('\0')
  return Object.fromEntries(lines.map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]))
}

describe('npm start', () => {
  it('brings up the product from nothing; the printed curls verify and settle a payment, Ctrl-C leaves nothing running', async () => {
    const folder = await newFolder()
    const first = await start({ folder })
    expect(first.output()).toContain(`Payproof is ready at http://localhost:${first.port}`)
    expect(first.output()).toContain('REDIS_URL is not set')
    expect(await pasteCurl(first)).toMatchObject({ isValid: true })

    const { apiKey: key, url, login, network, rpcUrl, asset, payTo, payerPrivateKey } = await first.quickstart()
    expect({ url, login, network }).toEqual({
      url: `http://localhost:${first.port}`,
      login: null,
      network: 'eip155:84532',
    })
    expect([rpcUrl, asset, payTo, payerPrivateKey].every((text) => /^(http|0x)/.test(text))).toBe(true)
    await expect
      .poll(async () => (await call(`${url}/api/v1/x402/verifications`, { key })).body.data, { timeout: 2_000 })
      .toMatchObject([{ outcome: 'valid', amount: '10000' }])

    const settled = { success: true, network: 'eip155:84532', amount: '10000' }
    expect(await pasteCurl(first, 'settle')).toMatchObject({ ...settled, transaction: expect.stringMatching(/^0x/) })
    expect((await call(`${url}/api/v1/x402/health`)).body.checks.networks[network]).toMatchObject({
      settlement: 'able',
    })

    const [web, worker] = [environmentOf(folder, 'server.ts'), environmentOf(folder, 'worker.ts')]
    expect([web['X402_SIGNER_KEYS'], worker['X402_SIGNER_KEYS']]).toEqual(['', expect.stringMatching(/^0x/)])
    expect(BigInt(web['X402_GAS_BUDGET_PAYER_WEI'] ?? 0)).toBeGreaterThan(10n ** 20n)

    expect(await first.end('SIGINT')).toBe(0)
    expect(await waitForNone(folder, 5_000)).toEqual([])

    const second = await start({ folder, env: { X402_GAS_BUDGET_PAYER_WEI: '777000000000000000000' } })
    expect(environmentOf(folder, 'server.ts')['X402_GAS_BUDGET_PAYER_WEI']).toBe('777000000000000000000')
    expect(second.readyMs).toBeLessThan(5_000)
    expect(second.output()).not.toMatch(/Installing|Generating|Building|Applied|built|not stopped|cannot be read/)
    expect((await second.quickstart()).apiKey).toBe(key)
    expect(
      (await call(`${(await second.quickstart()).url}/api/v1/x402/verifications`, { key })).body.data,
    ).toHaveLength(1)
    expect(await pasteCurl(second)).toMatchObject({ isValid: true })
    expect(await pasteCurl(second, 'settle')).toMatchObject(settled)
    const { data } = (await call(`${(await second.quickstart()).url}/api/v1/x402/payments`, { key })).body
    expect(data.map(({ status }: { status: string }) => status)).toEqual(['settled', 'settled'])
  })

  it('finds its way after it was killed: web and worker end by themselves, Postgres and chain are taken over', async () => {
    const folder = await newFolder()
    const first = await start({ folder })
    const supervisor = processesOf(folder).find(({ command }) => command.includes('scripts/run.ts'))
    process.kill(supervisor?.pid ?? 0, 'SIGKILL')
    await expect
      .poll(() => processesOf(folder).filter(({ command }) => /server\.ts|worker\.ts/.test(command)), {
        timeout: 15_000,
      })
      .toEqual([])
    await first.end('SIGTERM')

    const second = await start({ folder })
    expect(await pasteCurl(second)).toMatchObject({ isValid: true })
    expect(await second.end('SIGINT')).toBe(0)
    expect(await waitForNone(folder, 5_000)).toEqual([])
  })

  it('starts after Postgres and chain were killed, with what had been written, and says what may be lost', async () => {
    const folder = await newFolder()
    const first = await start({ folder })
    await pasteCurl(first)
    const { apiKey: key, url } = await first.quickstart()
    await expect
      .poll(async () => (await call(`${url}/api/v1/x402/verifications`, { key })).body.data.length, { timeout: 2_000 })
      .toBe(1)
    for (const name of ['bin/postgres -D', 'bin/anvil']) {
      const running = processesOf(folder).find(({ command }) => command.includes(name))
      process.kill(running?.pid ?? 0, 'SIGKILL')
    }
    await first.end('SIGINT')
    await waitForNone(folder, 10_000)

    const second = await start({ folder })
    expect(second.output()).toContain('The local chain was not stopped cleanly')
    expect(
      (await call(`${(await second.quickstart()).url}/api/v1/x402/verifications`, { key })).body.data,
    ).toHaveLength(1)
  })

  it('takes the next free port when its own is taken, and says so', async () => {
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
    const { port } = squatter.address() as AddressInfo
    const product = await start({ folder: await newFolder(), port })
    squatter.close()
    expect(product.output()).toContain(`Port ${port} is taken`)
    expect((await product.quickstart()).url).not.toBe(`http://localhost:${port}`)
    expect(await pasteCurl(product)).toMatchObject({ isValid: true })
  })

  it('refuses to run twice on one data folder, and leaves the first alone', async () => {
    const folder = await newFolder()
    const first = await start({ folder })
    const second = await start({ folder })
    expect(second.child.exitCode).toBe(1)
    expect(second.output()).toContain('runs already')
    expect(await pasteCurl(first)).toMatchObject({ isValid: true })
  })

  it.runIf(process.getuid?.() === 0)('runs as an ordinary user as well', async () => {
    const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
    const [uid, gid] = [id('-u'), id('-g')]
    const folder = await newFolder()
    await chown(folder, uid, gid)
    const product = await start({ folder, uid, gid })
    expect(await pasteCurl(product)).toMatchObject({ isValid: true })
    expect(await product.end('SIGINT')).toBe(0)
  })

  it.runIf(process.getuid?.() === 0)('works below a folder that only root may enter', async () => {
    const home = await newFolder()
    await chmod(home, 0o700)
    const folder = join(home, 'data')
    const product = await start({ folder })
    folders.push(folder, outsideHome(folder))
    const postgres = processesOf(folder).find(({ command }) => command.includes('bin/postgres -D'))
    expect(postgres?.command).toContain(outsideHome(folder))
    expect(await pasteCurl(product)).toMatchObject({ isValid: true })
    expect(await product.end('SIGINT')).toBe(0)
  })

  it('says which variable is wrong, and does not start', async () => {
    const product = await start({ folder: await newFolder(), env: { REDIS_URL: 'nonsense', LOG_LEVEL: 'loud' } })
    expect(product.child.exitCode).toBe(1)
    expect(product.output()).toContain('REDIS_URL')
    expect(product.output()).toContain('LOG_LEVEL')
  })
})

describe('npm start, cut short', () => {
  it.each([
    ['SIGINT', 'bin/initdb -D'],
    ['SIGINT', 'bin/postgres -D'],
    ['SIGINT', 'bin/anvil'],
    ['SIGHUP', 'server.ts'],
    ['SIGTERM', 'worker.ts'],
  ] as const)('%s once %s runs leaves nothing running, and the next start is whole', async (signal, until) => {
    const folder = await newFolder()
    const starting = start({ folder })
    const found = (name: string) => processesOf(folder).find(({ command }) => command.includes(name))
    await expect.poll(() => found(until), { timeout: 60_000, interval: 5 }).toBeDefined()
    const command = found('scripts/start.mjs')?.pid as number
    // Ctrl-C reaches every process that belongs to the terminal.
    process.kill(signal === 'SIGINT' ? -command : command, signal)
    const cut = await starting
    expect(await waitForNone(folder, 5_000)).toEqual([])
    expect(cut.child.exitCode).toBe(0)
    expect(cut.output()).not.toMatch(/Payproof is ready|stopping|While|Error/)

    const next = await start({ folder })
    expect(next.output()).not.toMatch(/not stopped cleanly|cannot be read/)
    expect(await pasteCurl(next)).toMatchObject({ isValid: true })
  })

  it('what it was asked to end leaves its data folder free', async () => {
    const folder = await newFolder()
    const product = await start({ folder })
    expect(await product.end('SIGHUP')).toBe(0)
    expect(await waitForNone(folder, 5_000)).toEqual([])
    for (const name of ['run.pid', 'chain.pid', 'quickstart.json']) expect(existsSync(join(folder, name))).toBe(false)
  })
})
