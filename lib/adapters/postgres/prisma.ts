import { PrismaPg } from '@prisma/adapter-pg'
import type { Pool } from 'pg'
import { PrismaClient } from '@/generated/prisma/client'

/** Prisma on the process's own pool: for what is written by hand and rarely; hot paths and the log use plain SQL. */
export function createPrisma(pool: Pool): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg(pool) })
}

export type { PrismaClient }
