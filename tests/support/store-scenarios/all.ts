import { DECIDING } from './deciding'
import { REORGS } from './reorgs'
import type { Scenario } from './scenario'
import { SIGNING } from './signing'
import { WEB } from './web'

/** Everything that both stores have to do alike. */
export const STORE_SCENARIOS: readonly Scenario[] = [...WEB, ...SIGNING, ...DECIDING, ...REORGS]
