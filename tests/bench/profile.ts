import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

type Node = { id: number; callFrame: { functionName: string; url: string } }
type CpuProfile = { nodes: Node[]; samples: number[]; timeDeltas: number[]; endTime: number; startTime: number }

const SHOWN = 14
const WAITING = new Set(['(idle)', '(root)'])
const NAMES: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'native code without a name',
  writev: 'writing answers to sockets',
  writeUtf8String: 'writing to Postgres and Redis',
  writeBuffer: 'writing to the node',
}

/** Where the time of the main thread went in the last `seconds` of a profile, as lines to print. */
export async function summariseProfile(folder: string, seconds: number): Promise<string[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))
  const profiles = await Promise.all(files.map(async (name) => read(join(folder, name))))
  // The web process has one thread that matters and some that start up and wait.
  const busiest = profiles.sort((a, b) => b.samples.length - a.samples.length)[0]
  if (!busiest) throw new Error('there is no profile')
  const byPlace = timeByPlace(busiest, seconds * 1e6)
  const busy = [...byPlace.values()].reduce((sum, time) => sum + time, 0)
  return [...byPlace]
    .sort((a, b) => b[1] - a[1])
    .slice(0, SHOWN)
    .map(([place, time]) => `${((100 * time) / busy).toFixed(1).padStart(6)} %  ${place}`)
}

async function read(file: string): Promise<CpuProfile> {
  return JSON.parse(await readFile(file, 'utf8')) as CpuProfile
}

function timeByPlace({ nodes, samples, timeDeltas, startTime, endTime }: CpuProfile, lastUs: number) {
  const places = new Map(nodes.map((node) => [node.id, placeOf(node)]))
  const byPlace = new Map<string, number>()
  let at = startTime
  for (const [index, sample] of samples.entries()) {
    const took = timeDeltas[index] ?? 0
    at += took
    const place = places.get(sample)
    if (at < endTime - lastUs || !place) continue
    byPlace.set(place, (byPlace.get(place) ?? 0) + took)
  }
  return byPlace
}

/** A package, a folder of ours, or what Node itself was at. Null while it waited. */
function placeOf({ callFrame: { functionName, url } }: Node): string | null {
  if (WAITING.has(functionName)) return null
  if (url === '') return NAMES[functionName] ?? 'native code of Node'
  if (url.startsWith('node:')) return url.startsWith('node:_http') ? "Node's HTTP" : "Node's own modules"
  const path = url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]
  return inPackage ?? path.split('/').slice(0, -1).join('/')
}
