/** What a key may do. A route names the one it needs; routes without a scope are open to every key. */
export const SCOPES = ['verify', 'settle', 'payments:read', 'logs:read', 'usage:read'] as const
export type Scope = (typeof SCOPES)[number]

/** Whether a text is the name of a scope. */
export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text)
}
