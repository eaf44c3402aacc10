/** Types group the codes by what a caller can do about them; they are the `type` of the error envelope. */
type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'rate_limit_error'
  | 'api_error'
  | 'upstream_error'

type ErrorDefinition = { status: number; type: ErrorType; message: string; retryable: boolean }

/** The one catalogue of errors: a closed list, and the only place where a status is written. */
export const ERRORS = {
  malformed_request: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The request is not valid HTTP.',
    retryable: false,
  },
  invalid_json: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The body is not valid JSON. Send one JSON object, encoded as UTF-8.',
    retryable: false,
  },
  parameter_missing: {
    status: 400,
    type: 'invalid_request_error',
    message: 'A required parameter is missing.',
    retryable: false,
  },
  parameter_invalid: {
    status: 400,
    type: 'invalid_request_error',
    message: 'A parameter has the wrong type or form.',
    retryable: false,
  },
  api_key_missing: {
    status: 401,
    type: 'authentication_error',
    message: 'No API key was sent. Send it as "Authorization: Bearer KEY" or "X-API-Key: KEY".',
    retryable: false,
  },
  api_key_invalid: {
    status: 401,
    type: 'authentication_error',
    message: 'The API key is not valid. Check for a typing error, or create a new key.',
    retryable: false,
  },
  api_key_expired: {
    status: 401,
    type: 'authentication_error',
    message: 'The API key has expired. Create a new key.',
    retryable: false,
  },
  insufficient_scope: {
    status: 403,
    type: 'permission_error',
    message: 'The API key lacks the scope that this route needs.',
    retryable: false,
  },
  mode_mismatch: {
    status: 403,
    type: 'permission_error',
    message: 'Test keys reach testnets only, live keys mainnets only. Use a key of the other mode.',
    retryable: false,
  },
  tenant_suspended: {
    status: 403,
    type: 'permission_error',
    message: 'The account of this API key is suspended.',
    retryable: false,
  },
  resource_not_found: {
    status: 404,
    type: 'not_found_error',
    message: 'There is no such object.',
    retryable: false,
  },
  route_not_found: {
    status: 404,
    type: 'not_found_error',
    message: 'There is no such route. The API starts at /api/v1/x402.',
    retryable: false,
  },
  method_not_allowed: {
    status: 405,
    type: 'invalid_request_error',
    message: 'The route does not answer this method. See the Allow header.',
    retryable: false,
  },
  request_timeout: {
    status: 408,
    type: 'invalid_request_error',
    message: 'The request did not arrive in time.',
    retryable: true,
  },
  body_too_large: {
    status: 413,
    type: 'invalid_request_error',
    message: 'The body is larger than 64 KiB.',
    retryable: false,
  },
  idempotency_key_reused: {
    status: 422,
    type: 'invalid_request_error',
    message: 'This Idempotency-Key was used for another payment. Use a new key for every payment.',
    retryable: false,
  },
  headers_too_large: {
    status: 431,
    type: 'invalid_request_error',
    message: 'The headers are larger than 16 KiB.',
    retryable: false,
  },
  unsupported_media_type: {
    status: 415,
    type: 'invalid_request_error',
    message: 'Send the body as "Content-Type: application/json", without a content encoding.',
    retryable: false,
  },
  rate_limit_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    message: 'Too many requests. Wait as long as Retry-After says.',
    retryable: true,
  },
  quota_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    message: 'The quota of this period is used up. Wait for the next period or choose a larger plan.',
    retryable: false,
  },
  gas_budget_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    message: 'The gas that we carry for one day is used up. Nothing was sent and nothing was charged.',
    retryable: true,
  },
  internal_error: {
    status: 500,
    type: 'api_error',
    message: 'Something failed on our side.',
    retryable: true,
  },
  database_unavailable: {
    status: 503,
    type: 'upstream_error',
    message: 'The database could not be reached. Send the same request again later.',
    retryable: true,
  },
  rpc_unavailable: {
    status: 503,
    type: 'upstream_error',
    message: 'The chain could not be read. This says nothing about the payment; retry later.',
    retryable: true,
  },
  network_paused: {
    status: 503,
    type: 'upstream_error',
    message: 'New settlements are stopped on this network. Nothing was sent; verification and open settlements go on.',
    retryable: true,
  },
  settlement_unavailable: {
    status: 503,
    type: 'upstream_error',
    message: 'Settlement is not available. Nothing was sent and nothing was charged.',
    retryable: true,
  },
} as const satisfies Record<string, ErrorDefinition>

export type ErrorCode = keyof typeof ERRORS
