import { randomBytes } from 'node:crypto'
import Document, { type DocumentContext, type DocumentInitialProps, Head, Html, Main, NextScript } from 'next/document'
import { pageCsp } from '@/lib/http/security-headers'

type Props = DocumentInitialProps & { nonce: string }

/** Every page is made per request, for its scripts carry the nonce that its own policy names. */
export default class AppDocument extends Document<Props> {
  static override async getInitialProps(context: DocumentContext): Promise<Props> {
    const nonce = randomBytes(16).toString('base64')
    context.res?.setHeader('Content-Security-Policy', pageCsp(nonce))
    return { ...(await Document.getInitialProps(context)), nonce }
  }

  override render() {
    const { nonce } = this.props
    return (
      <Html lang="en">
        <Head nonce={nonce} />
        <body>
          <Main />
          <NextScript nonce={nonce} />
        </body>
      </Html>
    )
  }
}
