/** Without query and fragment, which can hold secrets and make every call its own resource; bounded; storable. */
export function cleanResource(resource: string | null): string | null {
  const text = resource?.split(/[?#]/, 1)[0]?.replaceAll('\0', '').slice(0, 512)
  return text || null
}
