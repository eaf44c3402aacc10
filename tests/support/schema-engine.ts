import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
} from '@prisma/driver-adapter-utils'
import type * as EngineModule from '@prisma/schema-engine-wasm'
import { Client, Pool } from 'pg'

type SchemaEngine = EngineModule.SchemaEngine
type Bindings = typeof EngineModule & { __wbg_set_wasm(exports: WebAssembly.Exports): void }

const CHAR_OID = 18
const UUID_OID = 2950
const NO_FILTERS = { externalTables: [], externalEnums: [] }

/** Settles when the engine has panicked: whatever it was asked is then never answered. */
let panicked: Promise<never> = new Promise(() => undefined)

/** Prisma's schema engine, compiled to WASM, on a live database: what `prisma migrate` would say of it. */
export async function openSchemaEngine(databaseUrl: string, schemaFile: string) {
  const { SchemaEngine } = await loadBindings()
  const unlessPanicked = <T>(work: Promise<T>): Promise<T> => Promise.race([work, panicked])
  const pool = new Pool({ connectionString: databaseUrl, max: 2, Client: CharClient })
  pool.on('error', () => undefined)
  const schema = { path: schemaFile, content: readFileSync(schemaFile, 'utf8') }
  const adapter = bindMigrationAwareSqlAdapterFactory(withCharacters(new PrismaPg(pool)))
  const engine: SchemaEngine = await SchemaEngine.new(
    { datamodels: [[schema.path, schema.content]] },
    () => undefined,
    adapter,
  )
  return {
    /** What is wrong between the folder of migrations and the book that the database keeps of them. */
    diagnose: (folder: string) =>
      unlessPanicked(
        engine.diagnoseMigrationHistory({
          migrationsList: listMigrations(folder),
          optInToShadowDatabase: false,
          filters: NO_FILTERS,
        }),
      ),
    /** The SQL that would bring the database to the schema; null when they agree. */
    async drift(): Promise<string | null> {
      const diff = engine.diff({
        from: { tag: 'schemaDatasource', files: [schema], configDir: dirname(schemaFile) },
        to: { tag: 'schemaDatamodel', files: [schema] },
        script: true,
        exitCode: true,
        filters: NO_FILTERS,
      })
      const { exitCode, stdout } = await unlessPanicked(diff)
      return exitCode === 2 ? (stdout ?? '') : null
    },
    async close(): Promise<void> {
      engine.free()
      await pool.end()
    },
  }
}

let bindings: Bindings | null = null

/** By hand, for the package's own entry imports its WASM file as a module, which Node does not. */
async function loadBindings(): Promise<Bindings> {
  if (bindings) return bindings
  const entry = createRequire(join(process.cwd(), 'package.json')).resolve('@prisma/schema-engine-wasm')
  const loaded = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as unknown as Bindings
  const module = await WebAssembly.compile(readFileSync(join(dirname(entry), 'schema_engine_bg.wasm')))
  const { exports } = await WebAssembly.instantiate(module, { './schema_engine_bg.js': loaded as never })
  loaded.__wbg_set_wasm(exports)
  const { __wbindgen_start: start } = exports as { __wbindgen_start(): void }
  panicked = new Promise((_, reject) => {
    const registry = { set_message: (message: string) => reject(new Error(message)) }
    Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: registry })
  })
  // Those who wait for an answer are told; when nobody waits, nobody need be.
  panicked.catch(() => undefined)
  start()
  bindings = loaded
  return loaded
}

function listMigrations(folder: string): EngineModule.MigrationList {
  const lockfile = 'migration_lock.toml'
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return {
    baseDir: resolve(folder),
    lockfile: { path: lockfile, content: readFileSync(join(folder, lockfile), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: names
      .map(({ name }) => name)
      .sort()
      .map((name) => ({
        path: name,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok', value: readFileSync(join(folder, name, 'migration.sql'), 'utf8') },
        },
      })),
  }
}

type Fields = { fields?: { dataTypeID: number }[] }
type Callback = (error: Error | null, result: Fields) => void

/**
 * The adapter does not know Postgres's one-byte "char", which the catalogue is full of. It passes it on under the type
 * of a UUID, of which the catalogue has none, and `withCharacters` then calls it what the engine wants to hear.
 */
class CharClient extends Client {
  // biome-ignore lint/suspicious/noExplicitAny: pg's own overloads are too many to repeat here.
  override query(...args: any[]): any {
    const callback = args.at(-1) as Callback
    if (typeof callback === 'function') {
      args[args.length - 1] = (error: Error | null, result: Fields) => callback(error, withoutChars(result))
      return Client.prototype.query.apply(this, args as never)
    }
    const answer = Client.prototype.query.apply(this, args as never) as unknown
    return answer instanceof Promise ? answer.then(withoutChars) : answer
  }
}

function withoutChars(result: Fields): Fields {
  for (const field of result?.fields ?? []) if (field.dataTypeID === CHAR_OID) field.dataTypeID = UUID_OID
  return result
}

function withCharacters(factory: PrismaPg): SqlMigrationAwareDriverAdapterFactory {
  const wrap = async (connecting: Promise<SqlDriverAdapter>): Promise<SqlDriverAdapter> => {
    const adapter = await connecting
    const queryRaw = adapter.queryRaw.bind(adapter)
    return Object.assign(adapter, {
      async queryRaw(query: SqlQuery) {
        const result = await queryRaw(query)
        const columnTypes = result.columnTypes.map((type) =>
          type === ColumnTypeEnum.Uuid ? ColumnTypeEnum.Character : type,
        )
        return { ...result, columnTypes }
      },
    })
  }
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: () => wrap(factory.connect()),
    connectToShadowDb: () => wrap(factory.connectToShadowDb()),
  }
}
