import { AppError } from '@/lib/core/errors'

/** Prisma's code for a foreign key that points nowhere. */
const FOREIGN_KEY = 'P2003'

/** An insert for a tenant that is not there is the caller's mistake, and told as such. */
export async function forTenant<T>(tenantId: string, insert: Promise<T>): Promise<T> {
  try {
    return await insert
  } catch (error) {
    if ((error as { code?: string }).code !== FOREIGN_KEY) throw error
    throw new AppError('resource_not_found', { message: `There is no tenant ${tenantId}.`, cause: error })
  }
}
