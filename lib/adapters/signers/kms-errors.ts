export const NEEDED_KIND = 'ECC_SECG_P256K1 for SIGN_VERIFY is needed'
const GRANTS = 'grant this process kms:GetPublicKey and kms:Sign on it'
const CREDENTIALS = 'AWS does not accept the credentials of this process; set AWS_ACCESS_KEY_ID and its like, or a role'

/** What AWS calls it, and what that means to us. */
const MEANINGS: Readonly<Record<string, string>> = {
  NotFoundException: 'KMS does not know it in this region; check its id, AWS_REGION and the account',
  DisabledException: 'it is disabled; enable it',
  KMSInvalidStateException: 'it is not in a state to sign: disabled, or waiting for its deletion',
  InvalidKeyUsageException: NEEDED_KIND,
  AccessDeniedException: `access is denied; ${GRANTS}`,
  UnrecognizedClientException: CREDENTIALS,
  InvalidSignatureException: CREDENTIALS,
  IncompleteSignatureException: CREDENTIALS,
  ExpiredTokenException: CREDENTIALS,
  CredentialsProviderError: 'there are no AWS credentials; set AWS_ACCESS_KEY_ID and its like, or a role',
  TimeoutError: 'KMS did not answer in time',
  AbortError: 'KMS did not answer in time',
  ThrottlingException: 'KMS takes no more requests now; ask for a higher quota',
}

/** An error that says what is wrong with which key, and what to do. AWS's own stays its cause, for the log. */
export function explainKmsError(keyId: string, error: unknown): Error {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
  const meaning = Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : null
  return new Error(`KMS key ${keyId} cannot be used: ${meaning ?? message} (${name}).`, { cause: error })
}
