import type { Stage } from './stage'

export type RunOptions = {
  /** How long the fault lasts, about; what comes before and after it is measured beside. */
  seconds: number
}

/** What must hold of the figures of a scenario, each in words. */
export type Bounds<Figures> = Readonly<Record<string, (figures: Figures) => boolean>>

/** All that a scenario needs which brings the rest itself: a server that makes databases. */
export type DatabaseStage = Pick<Stage, 'databaseUrl'>

/** One fault under load: it is measured in one function, and the short run and the long one hold it to one list. */
export type Scenario<Figures, On = Stage> = {
  name: string
  bounds: Bounds<Figures>
  run(stage: On, options: RunOptions): Promise<Figures>
}

/** The bounds that some figures break, in words. */
export function brokenBounds<Figures>(bounds: Bounds<Figures>, figures: Figures): string[] {
  return Object.entries(bounds).flatMap(([words, holds]) => (holds(figures) ? [] : [words]))
}
