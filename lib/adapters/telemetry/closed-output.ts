/**
 * Lets a process live on when nobody reads its output any more (`npm start | head`): a line that cannot be written is
 * lost, where it would otherwise be an exception, whose report cannot be written either, and so on without end.
 */
export function surviveClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}
