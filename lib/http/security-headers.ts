import base from './security-headers.json'

/** On every answer, whichever way it takes. next.config.js reads the same file for what Next serves by itself. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = base

/** For answers that are data: nothing in them may be run or framed. */
export const API_CSP = "default-src 'none'; frame-ancestors 'none'"

/** For pages: scripts only with this answer's nonce, nothing from elsewhere. */
export function pageCsp(nonce: string): string {
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}
