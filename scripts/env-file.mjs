// Reads .env of the checkout when there is one, for `npm start` and the commands. What is set already counts more.
import { existsSync } from 'node:fs'

// An older Node cannot; `npm start` then says by itself that it is too old.
if (existsSync('.env')) process.loadEnvFile?.()
