import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

/** Before a change is committed: then it must be undone. After: then it must be carried on from. */
export type Moment = 'before' | 'after'

/** Nothing is missed once it is `ready`. */
export type Armed = { ready: Promise<unknown>; crashed: Promise<boolean>; disarm(): Promise<void> }

export type CrashPoints = {
  /**
   * Kills when the next change of this name comes to this moment. `crashed` resolves when the process is dead, or, with
   * false, when it is disarmed before.
   */
  crashAt(transition: string, moment: Moment, kill: () => Promise<void>): Armed
  /** Pauses a process in the middle of the database transaction that makes the next change of this name. */
  pauseWithin(transition: string, pause: () => void): Promise<void>
  close(): Promise<void>
}

/** Not a change of state, but one that must not be lost either. */
export const GRANT = 'grant'

const CHANNEL = 'crash_now'
const LOCK_CLASS = 7_403
const LOOK_MS = 5

/**
 * Stops the product at named changes of state, without a word in the product: a trigger on the outbox holds a change
 * before its commit, or tells of it at the commit.
 */
export async function installCrashPoints(databaseUrl: string): Promise<CrashPoints> {
  const client = new Client({ connectionString: databaseUrl })
  // The server may be stopped before us.
  client.on('error', () => undefined)
  await client.connect()
  await client.query(INSTALL)
  await client.query(`LISTEN ${CHANNEL}`)
  let heard: () => void = () => undefined
  client.on('notification', () => heard())

  const disarm = async () => {
    await client.query('DELETE FROM crash.armed')
  }

  /** The backend that holds the change, when there is one. */
  async function holder(): Promise<number | null> {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [LOCK_CLASS],
    )
    return rows[0]?.pid ?? null
  }

  async function held(isOver: () => boolean): Promise<number | null> {
    for (;;) {
      const backend = await holder()
      if (backend !== null || isOver()) return backend
      await sleep(LOOK_MS)
    }
  }

  const arm = (transition: string, moment: Moment) =>
    client.query('INSERT INTO crash.armed (transition, moment) VALUES ($1, $2)', [transition, moment])

  return {
    async pauseWithin(transition, pause) {
      await arm(transition, 'before')
      await held(() => false)
      pause()
      // The statement ends, and whoever sent it does not hear of it.
      await disarm()
    },
    crashAt(transition, moment, kill) {
      let isOver = false
      const told = new Promise<null>((resolve) => {
        heard = () => resolve(null)
      })
      const ready = arm(transition, moment)
      const run = async () => {
        await ready
        const backend = moment === 'before' ? await held(() => isOver) : await told
        if (isOver) return false
        await kill()
        // Nobody would tell it otherwise that its client is gone, and it would commit.
        if (backend) await client.query('SELECT pg_terminate_backend($1)', [backend])
        await disarm()
        return true
      }
      return {
        ready,
        crashed: run(),
        async disarm() {
          isOver = true
          heard()
          await disarm()
        },
      }
    },
    close: () => client.end(),
  }
}

const INSTALL = `
CREATE SCHEMA crash;
CREATE TABLE crash.armed (transition text PRIMARY KEY, moment text NOT NULL);
CREATE FUNCTION crash.at_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  name text := CASE TG_TABLE_NAME WHEN 'settlements' THEN '${GRANT}' ELSE to_jsonb(NEW) ->> 'transition' END;
  wanted text := (SELECT moment FROM crash.armed WHERE transition = name);
BEGIN
  IF wanted = 'after' THEN
    PERFORM pg_notify('${CHANNEL}', name);
  ELSIF wanted = 'before' THEN
    PERFORM pg_advisory_xact_lock(${LOCK_CLASS}, 1);
    WHILE EXISTS (SELECT 1 FROM crash.armed WHERE transition = name) LOOP
      PERFORM pg_sleep(0.01);
    END LOOP;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER crash_at_change AFTER INSERT ON settlement_events FOR EACH ROW EXECUTE FUNCTION crash.at_change();
CREATE TRIGGER crash_at_grant AFTER UPDATE OF granted_at ON settlements FOR EACH ROW
  WHEN (OLD.granted_at IS NULL AND NEW.granted_at IS NOT NULL) EXECUTE FUNCTION crash.at_change()`
