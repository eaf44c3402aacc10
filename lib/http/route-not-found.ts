import { AppError } from '@/lib/core/errors'

export function routeNotFound(): never {
  throw new AppError('route_not_found')
}
