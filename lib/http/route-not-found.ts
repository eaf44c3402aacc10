import { AppError } from '@/lib/core/errors'

/** What every path answers that is no route. @throws AppError `route_not_found` */
export function routeNotFound(): never {
  throw new AppError('route_not_found')
}
