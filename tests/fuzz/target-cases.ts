import { BASE } from './routes'

/** Paths that no route has, or that a route has under an odd spelling. */
const PATHS = `
  / // /// /? /?? /# /. /.. /./ /../ /../../../etc/passwd /%2e%2e/%2e%2e/etc/passwd /..%2f..%2fetc/passwd /%2e /%
  /%zz /%00 /%ff /%c0%af /%ed%a0%80 /\xff /\x80 /é /~ /* /index /index.html /favicon.ico /robots.txt /icon.svg
  /icon.svg/ /icon.svg%00 /.env /.git/config /package.json /server.ts /.next/BUILD_ID /_next /_next/ /_next/static
  /_next/static/ /_next/static/.. /_next/static/%2e%2e/%2e%2e/server.ts /_next/static/%00 /_next/static/%
  /_next/static/x.js /_next/data /_next/data/x/index.json /_next/data/x/docs/architecture.json
  /_next/data/%00/index.json /_next/data// /_next/image /_next/image?url=%2Ficon.svg&w=64&q=75
  /_next/image?url=http://127.0.0.1&w=1&q=1 /_next/webpack-hmr /__nextjs_original-stack-frame
  /__nextjs_source-map?filename=server.ts /_error /_app /_document /404 /500 /api /api/ /api// /api/. /api/.. /api/%
  /api/%00 /api/%zz /api/x /api/v1 /api/v1/x402 /api/v2/x402/verify /API/V1/X402/VERIFY /api/v1/x402/verify.json
  /api/v1/x402/verify;a=b /api/v1/x402/verify%20 /api/v1/x402/verif%79 /api/v1/x402/%76erify /api/v1/x402%2fverify
  /api%2fv1%2fx402%2fverify /api/v1/x402/verify%00 /api/v1/x402/./verify /api/v1/x402/../x402/verify
  /api/v1/x402/verify/.. /api/v1/x402/verify/../settle /api/v1/x402/verify/ /api/v1/x402/verify//
  //api//v1//x402//verify /api/v1/x402//verify/// /api\\v1\\x402\\verify /api/v1/x402/verify? /api/v1/x402/verify??
  /api/v1/x402/verify#x /api/v1/x402/verify/x /api/v1/x402/[id] /api/[...path] /api/%5B...path%5D /api/livez
  /api/readyz /livez/ /livez/x //livez /livez%00 /LIVEZ /en/api/v1/x402/verify /api/v1/x402/supported.rsc
  /api/v1/x402/supported?_rsc=1 /index.rsc /index.txt /docs /docs/ /docs/x /docs/errors /docs/.. /docs/%2e%2e/README
  /docs/errors/../../README /docs/%00
`

/** Not a path at all: the absolute form, the authority form, the asterisk, and what is none of these. */
const NO_PATHS = `
  http://127.0.0.1/livez http://127.0.0.1:1/api/v1/x402/pricing https://127.0.0.1:1/ http:// http://:99999/
  http://[::1/ http://a@b:c/ http:/livez ftp://127.0.0.1:1/ file:///etc/passwd javascript:1 * livez . .. 127.0.0.1:80 x:y @ ?
  ??a=b \\ \\livez : :// /:/ /a:b@c /http://x /\\evil.example/x //evil.example/x ///x
`

const LONG = [
  `/${'a'.repeat(8_000)}`,
  `/${'a/'.repeat(4_000)}`,
  `/${'%41'.repeat(3_000)}`,
  `/${'%'.repeat(9_000)}`,
  `/?${'%'.repeat(9_000)}`,
  '/a?'.repeat(900),
  `${BASE}/${'../'.repeat(1_000)}x`,
  `${BASE}/verifications?${'&'.repeat(9_000)}`,
  `${BASE}/verifications?${'a=1&'.repeat(2_000)}`,
  `${BASE}/pricing?${'a&'.repeat(4_000)}`,
  `${BASE}/pricing?${Array.from({ length: 2_500 }, (_, index) => `${index}&`).join('')}`,
]

/** What a request can ask for without being a request for anything. */
export const ODD_TARGETS: readonly string[] = [
  ...PATHS.trim().split(/[ \n]+/),
  ...NO_PATHS.trim().split(/[ \n]+/),
  ...LONG,
]

/** Methods that are asked for, that exist, and that do not; some are not even words. */
export const METHODS: readonly string[] = [
  ...'GET POST PUT PATCH DELETE OPTIONS HEAD TRACE CONNECT PROPFIND SEARCH QUERY PURGE M-SEARCH SOURCE LINK'.split(' '),
  ...'get Post GETT G __proto__ constructor toString \xff'.split(' '),
  ...['', ' GET', 'GET\t', 'POST\0', 'A'.repeat(9_000)],
]
