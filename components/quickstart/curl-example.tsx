import { exampleRequest } from '@/lib/contracts/example-request'

/** One call that works with any test key and needs neither wallet nor chain. */
export function CurlExample({ url }: { url: string }) {
  const body = JSON.stringify(exampleRequest())
  const lines = [
    `curl ${url}/api/v1/x402/verify`,
    `  -H 'Authorization: Bearer x402_test_YOUR_KEY'`,
    `  -H 'Content-Type: application/json'`,
    `  -d '${body}'`,
  ]
  return (
    <section className="code" aria-label="curl command that verifies an example payment">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <pre tabIndex={0}>
        <code>{lines.join(' \\\n')}</code>
      </pre>
    </section>
  )
}
