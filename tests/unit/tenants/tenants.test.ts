import { describe, expect, it } from 'vitest'
import { newId } from '@/lib/core/ids'
import { changeTenant } from '@/lib/tenants/change-tenant'
import { createTenant } from '@/lib/tenants/create-tenant'
import type { Tenant } from '@/lib/tenants/tenant-store'

const NOW = 1_800_000_000_000
const make = (name: string) => {
  const insert = async (tenant: Pick<Tenant, 'id' | 'name' | 'plan'>): Promise<Tenant> => ({
    ...tenant,
    status: 'active',
    waitUntil: 'mined',
    acceptsOthers: true,
    createdAt: new Date(NOW),
  })
  return createTenant({ now: () => NOW, tenants: { insert } }, { name, plan: 'free' })
}

describe('createTenant', () => {
  it('makes a tenant with an id of its own', async () => {
    expect(await make('  A shop ')).toMatchObject({ name: 'A shop', plan: 'free', id: expect.stringMatching(/^ten_/) })
  })

  it.each(['', '   ', 'x'.repeat(101)])('the name %j is refused', async (name) => {
    await expect(make(name)).rejects.toMatchObject({ code: 'parameter_invalid', problems: [{ param: 'name' }] })
  })
})

describe('changeTenant', () => {
  it('a tenant that is not there is not found', async () => {
    const changed = changeTenant({ tenants: { update: async () => null } }, newId('tenant', NOW), { plan: 'pro' })
    await expect(changed).rejects.toMatchObject({ code: 'resource_not_found' })
  })
})
