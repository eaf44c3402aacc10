#!/bin/sh
# Prisma asks for this file by name before every command and never runs it for `generate`.
echo "The schema engine is not installed: migrations are applied by npm start, see lib/adapters/postgres/migrate.ts" >&2
exit 1
