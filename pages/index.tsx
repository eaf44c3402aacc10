import type { GetServerSideProps } from 'next'
import Head from 'next/head'
import { PlanTable } from '@/components/plans/plan-table'
import { CurlExample } from '@/components/quickstart/curl-example'
import { publicUrl } from '@/lib/services'

type Props = { url: string }

export const getServerSideProps: GetServerSideProps<Props> = async () => ({ props: { url: publicUrl() } })

export default function HomePage({ url }: Props) {
  return (
    <>
      <Head>
        <title>Payproof: verify and settle x402 payments</title>
        <meta
          name="description"
          content="One API that verifies x402 payments and can always say what became of them."
        />
      </Head>
      <main>
        <h1>Payproof</h1>
        <p className="lead">
          x402 is HTTP 402 made real: a server answers with its price, the client sends a signed stablecoin payment.
          Payproof checks that payment for you, by API key, in milliseconds, and explains every refusal.
        </p>

        <section aria-labelledby="try">
          <h2 id="try">Try it</h2>
          <p>
            Official x402 packages need only this facilitator URL and a key: <code>{url}/api/v1/x402</code>. By hand:
          </p>
          <CurlExample url={url} />
          <p>
            The answer is <code>{'{"isValid":true,…}'}</code>. What is served:{' '}
            <a href="/api/v1/x402/supported">/supported</a>. How it fares: <a href="/api/v1/x402/health">/health</a>.
          </p>
        </section>

        <section aria-labelledby="plans">
          <h2 id="plans">Plans</h2>
          <PlanTable />
        </section>
      </main>
    </>
  )
}
