/** Text that is written into JSON as it stands, whether it is JSON or not. */
export class Raw {
  constructor(readonly text: string) {}
}

export type Json = null | boolean | number | string | Raw | Json[] | JsonObject
export type JsonObject = { [key: string]: Json }
export type Path = readonly (string | number)[]

/** Writes JSON as `JSON.stringify` does, with raw pieces in their places. */
export function write(value: Json): string {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).map(([key, inner]) =>
    // A key of spaces alone marks raw entries, which bring their own keys.
    key.trim() === '' && inner instanceof Raw ? inner.text : `${JSON.stringify(key)}:${write(inner)}`,
  )
  return `{${entries.join(',')}}`
}

/** The path of every value in a document, the document itself first. */
export function pathsOf(value: Json, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null || value instanceof Raw) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
}

export function valueAt(value: Json, path: Path): Json {
  return path.reduce<Json>((inner, key) => (inner as JsonObject)[key] as Json, value)
}

/** A copy with another value at a path; undefined takes the field out. */
export function withValue(value: Json, path: Path, replacement: Json | undefined): Json {
  const [key, ...rest] = path
  if (key === undefined) return replacement ?? null
  const copy: JsonObject = { ...(value as JsonObject) }
  if (rest.length === 0 && replacement === undefined) delete copy[key]
  else copy[key] = withValue(copy[key] as Json, rest, replacement)
  return copy
}

/** A copy with entries written into the object at a path as they stand, behind its own. */
export function withEntries(value: Json, path: Path, text: string): Json {
  return withValue(value, path, { ...(valueAt(value, path) as JsonObject), ' ': new Raw(text) })
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Raw)
}
