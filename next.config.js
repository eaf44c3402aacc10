const securityHeaders = require('./lib/http/security-headers.json')

/** @type {import('next').NextConfig} */
module.exports = {
  poweredByHeader: false,
  reactStrictMode: true,
  // The API answers compact JSON, and pages are few: compression belongs to the proxy in front.
  compress: false,
  images: { unoptimized: true },
  // No redirect on a POST: official clients do not follow them with their body.
  skipTrailingSlashRedirect: true,
  // Native addons, WASM and drivers are loaded by Node itself.
  serverExternalPackages: ['secp256k1', '@bitauth/libauth', 'hash-wasm', 'ioredis', 'pg', 'pino', 'undici'],
  // Types are checked by `npm test`; a build on a small machine need not do it again.
  typescript: { ignoreBuildErrors: true },
  rewrites: async () => [
    { source: '/livez', destination: '/api/livez' },
    { source: '/readyz', destination: '/api/readyz' },
  ],
  headers: async () => [
    {
      source: '/:path*',
      headers: Object.entries(securityHeaders).map(([key, value]) => ({ key, value })),
    },
  ],
}
