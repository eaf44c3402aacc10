type Waiting<In, Out> = { input: In; resolve(output: Out): void; reject(error: unknown): void }

/**
 * Gathers what is asked within one turn of the event loop, and while other batches are under way, into one call.
 * `run` gives the outputs in the order of the inputs.
 */
export class Batcher<In, Out> {
  private waiting: Waiting<In, Out>[] = []
  private inFlight = 0
  private turn: NodeJS.Immediate | null = null

  constructor(
    private readonly run: (inputs: In[]) => Promise<readonly Out[]>,
    private readonly options: { most: number; atOnce: number },
  ) {}

  ask(input: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ input, resolve, reject })
      if (this.inFlight < this.options.atOnce) this.turn ??= setImmediate(() => this.flush())
    })
  }

  private flush(): void {
    this.turn = null
    while (this.waiting.length > 0 && this.inFlight < this.options.atOnce) {
      void this.dispatch(this.waiting.splice(0, this.options.most))
    }
  }

  private async dispatch(batch: Waiting<In, Out>[]): Promise<void> {
    this.inFlight++
    try {
      const outputs = await this.run(batch.map(({ input }) => input))
      for (const [index, { resolve }] of batch.entries()) resolve(outputs[index] as Out)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.inFlight--
      if (this.waiting.length > 0) this.flush()
    }
  }
}
