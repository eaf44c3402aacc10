import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type Hex, lowerHex } from '@/lib/core/hex'
import { createReconciler } from '@/lib/create-reconciler'
import { parseEnv } from '@/lib/env'
import type { Discrepancy } from '@/lib/settlements/reconcile/classes'
import { LOCAL_USDC, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { freePort } from '@/scripts/local/processes'
import { DIVERGENCES, type Divergence } from '@/tests/support/divergences'
import {
  addReorgs,
  type SettledTransaction,
  type SettledWorld,
  settleByOthers,
  settleRows,
  type UnpaidRows,
  WALLET,
  writeUnpaid,
} from '@/tests/support/settled-rows'
import type { StoredSettlement } from '@/tests/support/settlements'
import { createDatabase } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

const IS_LONG = process.env['PAYPROOF_LONG'] === '1'
const ROWS = IS_LONG ? 100_000 : 10_000
const PER_TRANSACTION = IS_LONG ? 50 : 10
const EACH = 10
/** 100,000 rows within five minutes. */
const LEAST_ROWS_A_SECOND = 334

let chain: RunningChain
let pool: Pool
let databaseUrl: string
let dataFolder: string
let world: SettledWorld
let settled: SettledTransaction[]
let unpaid: UnpaidRows

beforeAll(
  async () => {
    dataFolder = await mkdtemp(join(tmpdir(), 'payproof-reconcile-'))
    chain = await startLocalChain({ blockSeconds: 0, folder: null })
    databaseUrl = await createDatabase(inject('service').postgresUrl)
    pool = new Pool({ connectionString: databaseUrl, max: 2 })
    const tenants = await Promise.all([1, 2, 3].map(() => createTenantWithKey(databaseUrl)))
    world = { chain: chain.chain, pool, tenants: tenants.map(({ tenantId }) => tenantId) }
    await chain.chain.call('evm_setAutomine', [false])
    settled = await settleRows(world, { count: ROWS, perTransaction: PER_TRANSACTION })
    await settleByOthers(world, 50)
    await chain.chain.call('anvil_mine', ['0x3'])
    unpaid = await writeUnpaid(world, 60)
    await addReorgs(
      world,
      settled.flatMap(({ members }) => members.slice(0, 1)),
    )
  },
  IS_LONG ? 900_000 : 120_000,
)
afterAll(async () => {
  await chain?.stop()
  await pool?.end()
  await rm(dataFolder, { recursive: true, force: true })
})

const environment = (rpcUrl = chain.url) => ({
  DATABASE_URL: databaseUrl,
  X402_DATA_DIR: dataFolder,
  X402_RPC_EIP155_84532: rpcUrl,
  // This chain mines when it is told to, so its head may be of any age.
  X402_RPC_MAX_HEAD_AGE_SECONDS: '0',
})

async function reconcile(input: { from?: Date; to?: Date } = {}) {
  const reconciler = createReconciler({ databaseUrl, settings: parseEnv(environment()), onProgress: () => undefined })
  try {
    const span = { from: input.from ?? null, to: input.to ?? null }
    return await reconciler.reconcile(null, { span, openSeconds: 900, graceSeconds: 0 })
  } finally {
    await reconciler.close()
  }
}

function run(script: string, args: readonly string[] = [], env = environment()) {
  const all = { PATH: process.env['PATH'], ...env } as unknown as NodeJS.ProcessEnv
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', `scripts/${script}.ts`, ...args],
      { env: all },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}
const reports = () => readdir(join(dataFolder, 'reports')).catch(() => [])

describe('rows that are right', () => {
  it('of every state, settled in batches, reorged, settled by others, refused and magic: nothing is found', async () => {
    const startedMs = performance.now()
    const report = await reconcile()
    const rowsPerSecond = (ROWS / (performance.now() - startedMs)) * 1_000
    expect(report.discrepancies).toEqual([])
    expect(report.result).toBe('PASS')
    const [network] = report.networks
    expect(network?.settlements).toBeGreaterThan(ROWS)
    expect(network?.transactions).toBeGreaterThanOrEqual(ROWS / PER_TRANSACTION)
    if (IS_LONG) process.stderr.write(`reconciled ${Math.round(rowsPerSecond)} rows a second\n`)
    expect(rowsPerSecond).toBeGreaterThan(LEAST_ROWS_A_SECOND)
  })

  it('only those created in a span of time are looked at', async () => {
    const { networks, result } = await reconcile({ from: new Date(Date.now() + 60_000) })
    expect([networks[0]?.settlements, networks[0]?.transactions, result]).toEqual([0, 0, 'PASS'])
  })
})

describe('the command', () => {
  it('writes nothing when it is dry, ends with 0 and says PASS', async () => {
    const { code, stdout } = await run('reconcile', ['--dry-run', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ result: 'PASS', discrepancies: [] })
    expect(await reports()).toEqual([])
  })

  it('writes a report for programs and one for people, named by time', async () => {
    const { code, stdout } = await run('reconcile', ['--network', 'eip155:84532'])
    expect(code).toBe(0)
    const [json = '', markdown = ''] = (await reports()).sort()
    expect(json).toMatch(/^reconcile-\d{4}-\d\d-\d\dT[\d-]+Z\.json$/)
    expect(markdown).toBe(json.replace('.json', '.md'))
    expect(JSON.parse(await readFile(join(dataFolder, 'reports', json), 'utf8'))).toMatchObject({ result: 'PASS' })
    expect(await readFile(join(dataFolder, 'reports', markdown), 'utf8')).toBe(stdout)
    expect(stdout).toMatch(/^# Reconciliation: PASS\n/)
  })

  it('that cannot reach the RPC says so and ends with 2: neither PASS nor FAIL', async () => {
    const dead = `http://127.0.0.1:${await freePort(0)}`
    const { code, stdout, stderr } = await run('reconcile', ['--dry-run'], environment(dead))
    expect(code).toBe(2)
    expect(stderr).toMatch(/^This could not be done: the RPC did not answer/)
    expect(stdout).toBe('')
  }, 60_000)

  it('that has no RPC for a network with rows names the variable', async () => {
    const { X402_RPC_EIP155_84532: _, ...without } = environment()
    const { code, stderr } = await run('reconcile', [], without as ReturnType<typeof environment>)
    expect([code, stderr]).toEqual([2, expect.stringContaining('set X402_RPC_EIP155_84532')])
  })

  it.each([
    ['reconcile', '--network', 'base'],
    ['reconcile', '--from', 'yesterday'],
    ['reconcile', '--grace', '-1'],
    ['stale', '--seconds', 'long'],
    ['stale', '--nothing', '1'],
  ])('%s %s %s is refused with 2', async (script, ...args) => {
    const { code, stderr } = await run(script, args)
    expect(code).toBe(2)
    expect(stderr).toContain(`npm run ${script}`)
  })
})

describe('stale', () => {
  const stale = async (args: readonly string[] = []) => {
    const { code, stdout } = await run('stale', ['--json', ...args])
    return { code, ids: (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id) }
  }
  const age = (rows: readonly StoredSettlement[], interval: string) =>
    pool.query(`UPDATE settlements SET created_at = now() - $2::interval WHERE id = ANY($1::text[])`, [
      rows.map(({ id }) => id),
      interval,
    ])

  it('has nothing to say of rows that are younger, and ends with 0', async () => {
    expect(await stale()).toEqual({ code: 0, ids: [] })
    const { stdout } = await run('stale')
    expect(stdout).toBe('No authorization is older than 900 s without an outcome.\n')
  })

  it('lists what is older and under way, or failed and alive, and nothing that has an outcome', async () => {
    const open = [unpaid.queued[0], unpaid.broadcast[0], unpaid.failed[0]] as StoredSettlement[]
    const over = [unpaid.expired[0], unpaid.released[0], ...(settled[0]?.members ?? [])] as StoredSettlement[]
    await age([...open, ...over], '901 seconds')
    const { code, ids } = await stale()
    expect(code).toBe(1)
    expect(ids.sort()).toEqual(open.map(({ id }) => id).sort())
    const table = await run('stale')
    expect([table.code, table.stdout.split('\n')[0]]).toEqual([1, expect.stringMatching(/^settlement +state +age/)])
    for (const { id } of open) expect(table.stdout).toContain(id)
    expect(await stale(['--seconds', '2000'])).toEqual({ code: 0, ids: [] })
    await age([...open, ...over], '0 seconds')
  })

  it('that cannot reach the RPC ends with 2', async () => {
    const dead = `http://127.0.0.1:${await freePort(0)}`
    expect((await run('stale', [], environment(dead))).code).toBe(2)
  }, 60_000)
})

/** What was injected, by class and subject; and what was found. */
const keyOf = ({ class: name, subject }: Pick<Discrepancy, 'class' | 'subject'>) => `${name} ${subject}`

type Rows = Record<Divergence['on'], StoredSettlement[]>

/** Rows and transactions to be handed out, each once; those of the first half are taken by row, the others as a whole. */
async function spareRows(): Promise<{ rows: Rows; transactions: SettledTransaction[] }> {
  const half = Math.floor(settled.length / 2)
  // The first of each was reorged: two blocks of one transfer cannot be made one.
  const paid = settled.slice(0, half).flatMap(({ members }) => members.slice(1))
  const final = paid.filter(({ state }) => state === 'final')
  const mined = final.splice(0, 5 * EACH)
  const ids = mined.map(({ id }) => id)
  await pool.query(`UPDATE settlements SET state = 'mined', version = 2 WHERE id = ANY($1)`, [ids])
  await pool.query('DELETE FROM settlement_events WHERE version = 3 AND settlement_id = ANY($1)', [ids])
  // The youngest block is not final, as long as none comes after it.
  const young = (await settleRows(world, { count: EACH })).flatMap(({ members }) => members)
  const { failed, broadcast } = unpaid
  const rows = { final, mined, young, failed: [...failed], broadcast: [...broadcast], transaction: [], nothing: [] }
  return { rows, transactions: settled.slice(half) }
}

async function hashOf(request: object): Promise<Hex> {
  const hash = await chain.chain.call<Hex>('eth_sendTransaction', [{ from: DEV_ACCOUNTS[8]?.address, ...request }])
  await chain.chain.call('evm_mine')
  return hash
}

async function injectAll(): Promise<string[]> {
  await pool.query('ALTER TABLE ledger_entries DISABLE TRIGGER ledger_is_append_only')
  const strangeHash = await hashOf({ to: DEV_ACCOUNTS[9]?.address, value: '0x1' })
  const revertedHash = await hashOf({ to: LOCAL_USDC, data: '0xffffffff', gas: '0x30000' })
  const strangers = await settleRows(world, { count: EACH * 2, perTransaction: 2, hasStranger: true })
  const { rows, transactions } = await spareRows()
  const [neighbour, other] = (transactions.pop() as SettledTransaction).members as [StoredSettlement, StoredSettlement]
  const wanted = strangers.map(({ id }) => keyOf({ class: 'foreign_transfer', subject: id }))
  for (const { class: name, on, inject: change } of DIVERGENCES) {
    for (let count = 0; count < EACH; count++) {
      const isRow = on !== 'transaction' && on !== 'nothing'
      const row = (isRow ? rows[on].shift() : other) as StoredSettlement
      const transaction = (on === 'transaction' ? transactions.shift() : settled[0]) as SettledTransaction
      const subject = await change({ pool, row, transaction, neighbour, revertedHash, strangeHash })
      wanted.push(keyOf({ class: name, subject }))
    }
  }
  return wanted
}

const SEVERITIES: Partial<Record<Discrepancy['class'], Discrepancy['severity']>> = {
  transfer_wrong_amount: 'high', // by as much again
  ledger_wrong_amount: 'high', // by more than a twentieth
  ledger_entry_double: 'high',
  final_block_changed: 'high',
  foreign_transfer: 'high',
  row_missing: 'high',
  position_wrong: 'medium',
  event_history_gap: 'medium',
  not_marked_final: 'low',
}

describe('rows that differ', () => {
  let found: Discrepancy[]
  let wanted: string[]
  beforeAll(async () => {
    wanted = await injectAll()
    const report = await reconcile()
    expect(report.result).toBe('FAIL')
    found = report.discrepancies
  }, 120_000)

  it(`${DIVERGENCES.length + 1} kinds, ${EACH} of each, are all found in one pass, each as what it is and as nothing else`, () => {
    expect(DIVERGENCES.length).toBeGreaterThanOrEqual(20)
    const keys = found.filter(({ class: name }) => name !== 'ledger_not_zero').map(keyOf)
    expect(keys.filter((one) => !wanted.includes(one))).toEqual([])
    expect(wanted.filter((one) => !keys.includes(one))).toEqual([])
    expect([keys.length, new Set(keys).size]).toEqual([wanted.length, wanted.length])
    expect(wanted).toHaveLength((DIVERGENCES.length + 1) * EACH)
  })

  it('entries that are missing or wrong leave the sums of their assets unequal, once each', () => {
    const sums = found.filter(({ class: name }) => name === 'ledger_not_zero')
    expect(sums.map(({ subject }) => subject)).toEqual([lowerHex(LOCAL_USDC), 'native'])
  })

  it('each has its severity, what was expected and found, and what to do', () => {
    for (const [name, severity] of Object.entries(SEVERITIES)) {
      const severities = found.filter((one) => one.class === name).map((one) => one.severity)
      expect([name, ...new Set(severities)]).toEqual([name, severity])
    }
    for (const { expected, found: got, fix } of found)
      expect([expected, got, fix].map((text) => text.length > 0)).toEqual([true, true, true])
  })

  it('a wallet from which somebody else sends is found', async () => {
    await pool.query('UPDATE wallets SET next_nonce = next_nonce - 1 WHERE address = $1', [lowerHex(WALLET.address)])
    const { discrepancies } = await reconcile()
    const keys = discrepancies.map(keyOf)
    expect(keys).toContain(`wallet_nonce_behind ${lowerHex(WALLET.address)}`)
    expect(keys).toHaveLength(found.length + 1)
  })

  it('the command ends with 1, and its report names them with what to do', async () => {
    const { code, stdout } = await run('reconcile', ['--dry-run', '--grace', '0'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^# Reconciliation: FAIL\n/)
    expect(stdout).toMatch(/\| final_block_changed \| high \| 10 \|/)
    expect(stdout).toMatch(/### high: .*\n\n.* on eip155:84532\n\n- expected: .*\n- found: .*\n- fix: /)
  })

  it('reconciliation changes no row, however much differs', async () => {
    const sums = () =>
      pool.query(`SELECT (SELECT md5(string_agg(s::text, '' ORDER BY id)) FROM settlements s) AS settlements,
        (SELECT md5(string_agg(e::text, '' ORDER BY id)) FROM ledger_entries e) AS ledger,
        (SELECT md5(string_agg(u::text, '' ORDER BY settlement_id)) FROM used_transfers u) AS used`)
    const before = (await sums()).rows
    const report = await run('reconcile', ['--json', '--grace', '0'])
    expect(report.code).toBe(1)
    expect((await sums()).rows).toEqual(before)
  })
})
