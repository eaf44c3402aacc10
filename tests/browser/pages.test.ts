import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalPostgres } from '@/scripts/local/postgres'
import { createDatabase, type RunningWeb, startTestPostgres, startWeb } from '@/tests/support/stack'

const FLAGS = [
  ...['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
]
const axe = readFileSync(createRequire(join(process.cwd(), 'package.json')).resolve('axe-core/axe.min.js'), 'utf8')

let browser: Browser
let postgres: LocalPostgres
let web: RunningWeb

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
  postgres = await startTestPostgres()
  web = await startWeb({ databaseUrl: await createDatabase(postgres.url), rpcUrls: {} })
})

afterAll(async () => {
  await browser.close()
  await web.stop()
  await postgres.stop()
})

type Violation = { id: string; impact: string; nodes: { html: string }[] }

/** Opens a page and collects what the browser complains of. */
async function open(path: string, width = 1280): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 900 } })
  const complaints: string[] = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`${web.url}${path}`, { waitUntil: 'networkidle' })
  return { page, complaints }
}

/** axe is injected by the driver, past the page's own policy. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const found = (await page.evaluate('axe.run()')) as { violations: Violation[] }
  return found.violations.map(({ id, impact, nodes }) => `${impact}: ${id}: ${nodes[0]?.html}`)
}

describe('the pages in a browser', () => {
  it.each([
    ['/', 'Payproof', 'Enterprise'],
    ['/docs/errors/rpc_unavailable', 'rpc_unavailable', 'Retry the same payment'],
    ['/docs/reasons', 'Reasons', 'signature_not_canonical'],
    ['/docs/settlement', 'Settling payments', 'Idempotency-Key'],
  ])('%s shows what it is for, without complaints and without barriers', async (path, title, text) => {
    const { page, complaints } = await open(path)
    expect(await page.locator('h1').allTextContents()).toEqual([title])
    expect(await page.locator('main').innerText()).toContain(text)
    expect(complaints).toEqual([])
    expect(await violations(page)).toEqual([])
    await page.close()
  })

  it('the home page has the plans as they are enforced, and a curl line with its own address', async () => {
    const { page } = await open('/')
    const rows = await page.locator('tbody tr').allInnerTexts()
    expect(rows.map((row) => row.split('\t')[0])).toEqual(['Free', 'Starter', 'Pro', 'Enterprise'])
    expect(rows[1]).toContain('$99')
    expect(rows[1]).toContain('50,000')
    expect(await page.locator('pre').innerText()).toContain(`localhost:${web.port}/api/v1/x402/verify`)
    await page.close()
  })

  it('nothing is wider than a small screen', async () => {
    const { page } = await open('/', 360)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    await page.close()
  })

  it('scripts run only with the nonce of this very answer', async () => {
    const [first, second] = await Promise.all([fetch(web.url), fetch(web.url)])
    const policies = [first, second].map((answer) => answer.headers.get('content-security-policy') ?? '')
    const nonces = policies.map((policy) => /'nonce-([^']+)'/.exec(policy)?.[1])
    expect(nonces[0]).toBeTruthy()
    expect(nonces[0]).not.toBe(nonces[1])
    expect(policies[0]).not.toContain('unsafe-inline')
    expect(await first.text()).toContain(`nonce="${nonces[0]}"`)
  })

  it('an unknown page is a 404 with the security headers, and no path leads out of the documents', async () => {
    for (const path of ['/nothing', '/docs/errors/..%2f..%2fpackage', '/docs/../package', '/docs/errors']) {
      const answer = await fetch(`${web.url}${path}`)
      expect([path, answer.status]).toEqual([path, 404])
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('strict-transport-security')).toContain('max-age=')
    }
  })
})
