import { describe, expect, it } from 'vitest'
import { network } from '@/tests/support/parsed-payment'
import { sendJson } from '@/tests/support/rpc-node'
import { type Answer, base, HASH, hash, RAW, setUpScriptedChain } from '@/tests/support/scripted-chain'

const { clock, nodes, startNode, usual, answering, open, openWith } = setUpScriptedChain()

const sending = (answer: Answer) => answering('eth_sendRawTransaction', () => answer)
const failing = (message: string) => sending({ error: { code: -32_000, message } })

describe('broadcast', () => {
  it('is sent when the node names the hash of the bytes, and unknown when it names another', async () => {
    const { chain } = await openWith(sending({ result: HASH }))
    expect(await chain.settlement.broadcast(base, RAW)).toEqual({ kind: 'sent' })
    const confused = await openWith(sending({ result: hash(1) }))
    expect(await confused.chain.settlement.broadcast(base, RAW)).toMatchObject({ kind: 'unknown' })
  })

  it('asks one endpoint when that one says what became of it', async () => {
    for (const [answer, kind] of [
      [sending({ result: HASH }), 'sent'],
      [failing('already known'), 'known'],
      [failing('insufficient funds for gas * price + value'), 'refused'],
    ] as const) {
      const { chain, nodes } = await openWith(answer, sending({ result: HASH }))
      expect(await chain.settlement.broadcast(base, RAW)).toMatchObject({ kind })
      expect(nodes[1]?.count('eth_sendRawTransaction')).toBe(0)
    }
  })

  it('goes to the next endpoint when one is down, full or says nothing of use', async () => {
    for (const text of ['txpool is full', 'internal error', 'rate limit exceeded']) {
      const { chain } = await openWith(failing(text), sending({ result: HASH }))
      expect(await chain.settlement.broadcast(base, RAW)).toEqual({ kind: 'sent' })
    }
    const { chain, nodes } = await openWith(usual, sending({ result: HASH }))
    if (nodes[0]) nodes[0].misbehave = (_, response) => sendJson(response, {}, 503)
    expect(await chain.settlement.broadcast(base, RAW)).toEqual({ kind: 'sent' })
  })

  it('is not refused while another endpoint, whose answer was lost, may have it', async () => {
    const { chain, nodes } = await openWith(usual, failing('nonce too high'))
    if (nodes[0]) nodes[0].misbehave = (_, response) => response.destroy()
    expect(await chain.settlement.broadcast(base, RAW)).toMatchObject({ kind: 'unknown' })
  })

  it('is refused when the other endpoint could not even be reached', async () => {
    const [gone, refusing] = [await startNode(usual), await startNode(failing('nonce too high'))]
    await gone.stop()
    nodes.splice(nodes.indexOf(gone), 1)
    const { settlement } = open([gone.url, refusing.url])
    expect(await settlement.broadcast(base, RAW)).toMatchObject({ kind: 'refused', cause: 'nonce_gap' })
  })

  it('is unknown when no endpoint answers, and does not wait beyond its budget', async () => {
    const { chain, nodes } = await openWith(usual, usual)
    for (const node of nodes) node.misbehave = () => undefined
    const start = performance.now()
    clock.ms = Date.now()
    const ticking = open(
      nodes.map(({ url }) => url),
      { now: Date.now },
    )
    expect(await ticking.settlement.broadcast(base, RAW)).toMatchObject({ kind: 'unknown' })
    expect(performance.now() - start).toBeLessThan(3_000)
    expect(chain.rpcs.get(base.id)?.httpRequests).toBe(0)
  })

  it('is unknown, and no error, on a network without an endpoint', async () => {
    const { chain } = await openWith(usual)
    expect(await chain.settlement.broadcast(network('eip155:1'), RAW)).toMatchObject({ kind: 'unknown' })
  })

  it('does not believe an endpoint of another chain', async () => {
    const { chain } = await openWith((question) =>
      question.method === 'eth_chainId' ? { result: '0x1' } : failing('nonce too high')(question),
    )
    expect(await chain.settlement.broadcast(base, RAW)).toMatchObject({ kind: 'unknown' })
  })

  it('never lets an endpoint rest for what it says to a transaction', async () => {
    const { chain, nodes } = await openWith(failing('internal error'))
    for (let time = 0; time < 5; time++) await chain.settlement.broadcast(base, RAW)
    expect(nodes[0]?.count('eth_sendRawTransaction')).toBe(5)
    expect(chain.rpcs.get(base.id)?.endpoints[0]?.problem).toBeNull()
    expect(chain.rpcs.get(base.id)?.endpoints[0]?.isResting()).toBe(false)
  })
})
