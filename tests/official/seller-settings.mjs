// What every seller here is told by its environment, and how it says where it listens.
const { FACILITATOR_URL, API_KEY, PAY_TO } = process.env
const headers = { Authorization: `Bearer ${API_KEY}` }

export const payTo = PAY_TO

/** The one thing that a seller changes to use another facilitator. */
export const facilitator = {
  url: FACILITATOR_URL,
  createAuthHeaders: async () => ({ verify: headers, settle: headers, supported: headers, bazaar: headers }),
}

/** Tells the parent the port, and ends with it. */
export function tellReady(server) {
  // A buyer that keeps its connection must not find it closed just as it writes.
  server.keepAliveTimeout = 120_000
  process.once('disconnect', () => process.exit(0))
  process.send({ ready: true, port: server.address().port })
}
