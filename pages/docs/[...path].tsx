import type { GetServerSideProps } from 'next'
import Head from 'next/head'
import { Document } from '@/components/docs/document'
import { type ReadDocument, readDocument } from '@/lib/http/read-document'

export const getServerSideProps: GetServerSideProps<ReadDocument> = async ({ params }) => {
  const path = params?.['path']
  const document = await readDocument(Array.isArray(path) ? path : [])
  return document ? { props: document } : { notFound: true }
}

export default function DocumentPage({ title, html }: ReadDocument) {
  return (
    <>
      <Head>
        <title>{`${title} · Payproof`}</title>
      </Head>
      <main>
        <p>
          <a href="/">Payproof</a>
        </p>
        <Document html={html} />
      </main>
    </>
  )
}
