import { defineConfig } from 'prisma/config'

// `generate` needs no database; `migrate` of the Prisma CLI, where its engine can be had, takes the URL from here.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(process.env['DATABASE_URL'] && { datasource: { url: process.env['DATABASE_URL'] } }),
})
