/** A map that forgets its oldest entry when full, so that no stream of strangers' keys can grow it without end. */
export class BoundedMap<Key, Value> {
  private readonly entries = new Map<Key, Value>()

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.entries.size
  }

  get(key: Key): Value | undefined {
    return this.entries.get(key)
  }

  /** Writing a key makes it the newest. */
  set(key: Key, value: Value): void {
    this.entries.delete(key)
    if (this.entries.size >= this.capacity) {
      const oldest = this.entries.keys().next()
      if (!oldest.done) this.entries.delete(oldest.value)
    }
    this.entries.set(key, value)
  }

  delete(key: Key): void {
    this.entries.delete(key)
  }

  clear(): void {
    this.entries.clear()
  }

  deleteWhere(isMeant: (value: Value) => boolean): void {
    for (const [key, value] of this.entries) if (isMeant(value)) this.entries.delete(key)
  }
}
