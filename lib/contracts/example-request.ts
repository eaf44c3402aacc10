/** A complete body of /verify that any test key can send: its payer is the magic one that is always valid. */
export function exampleRequest() {
  const requirements = {
    scheme: 'exact',
    network: 'eip155:84532',
    amount: '10000',
    asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
    payTo: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C',
    maxTimeoutSeconds: 60,
    extra: { name: 'USDC', version: '2' },
  }
  return {
    x402Version: 2,
    paymentPayload: {
      x402Version: 2,
      accepted: requirements,
      payload: {
        signature: `0x${'00'.repeat(65)}`,
        authorization: {
          from: '0x4020000000000000000000000000000000000001',
          to: requirements.payTo,
          value: requirements.amount,
          validAfter: '0',
          validBefore: '4102444800',
          nonce: `0x${'00'.repeat(32)}`,
        },
      },
    },
    paymentRequirements: requirements,
  }
}
