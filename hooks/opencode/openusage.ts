// openusage-hook-version: 1
// Tells openusaged what OpenCode has used: tokens and cost of every answer, and every tool call.
//
// Put this file into ~/.config/opencode/plugins/ (README.md).  Sends ids, names, counts and times;
// prompts, answers, tool input and tool output never leave this process.  Plain JavaScript syntax,
// no dependencies, no second export: OpenCode calls every export of a plugin file.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  writeSync,
} from "node:fs"
import { randomBytes } from "node:crypto"
import { connect } from "node:net"
import { homedir } from "node:os"
import { extname, basename, join } from "node:path"

const CONNECT_MS = 100
const ANSWER_MS = 250
const DISPOSE_MS = 350
const MAX_WAITING = 1000
const MAX_REMEMBERED = 500
const MAX_SPOOL_FILES = 10_000
const MAX_SOCKET_PATH_BYTES = 103
const MAX_TEXT = 4096
// The daemon has read the event and refused it: sending it again cannot help.
const REFUSALS = ["invalid_event", "invalid_params", "unknown_source", "unknown_account"]
const PLAIN_NAMES = ["dockerfile", "containerfile", "makefile", "gnumakefile"]

export const OpenUsage = async () => {
  const off = ["0", "false", "no", "off"]
  if (off.includes((process.env.OPENUSAGE_TELEMETRY_ENABLED ?? "").trim().toLowerCase())) return {}

  // ---------------------------------------------------------------- directories, as in the daemon

  const stateDir = () => {
    const xdg = process.env.XDG_STATE_HOME ?? ""
    const home = process.env.HOME || homedir()
    return join(xdg.startsWith("/") ? xdg : join(home, ".local", "state"), "openusage")
  }

  const socketPath = () => {
    if (process.env.OPENUSAGE_TELEMETRY_SOCKET) return process.env.OPENUSAGE_TELEMETRY_SOCKET
    const path = join(stateDir(), "telemetry.sock")
    const runtime = process.env.XDG_RUNTIME_DIR ?? ""
    const tooLong = Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES
    return tooLong && runtime.startsWith("/") ? join(runtime, "openusage.sock") : path
  }

  // -------------------------------------------------------------------- what may leave the process

  const text = (value) =>
    typeof value === "string" && value !== "" ? value.slice(0, MAX_TEXT) : undefined
  const number = (value) =>
    typeof value === "number" && Number.isFinite(value) ? value : undefined

  const reduceTokens = (tokens) =>
    tokens && typeof tokens === "object"
      ? {
          total: number(tokens.total),
          input: number(tokens.input),
          output: number(tokens.output),
          reasoning: number(tokens.reasoning),
          cache: { read: number(tokens.cache?.read), write: number(tokens.cache?.write) },
        }
      : undefined

  const reduceMessage = (info) => ({
    id: text(info.id),
    sessionID: text(info.sessionID),
    parentID: text(info.parentID),
    role: text(info.role),
    mode: text(info.mode),
    agent: text(info.agent),
    providerID: text(info.providerID),
    modelID: text(info.modelID),
    path: { cwd: text(info.path?.cwd) },
    time: { created: number(info.time?.created), completed: number(info.time?.completed) },
    finish: text(info.finish),
    cost: number(info.cost),
    tokens: reduceTokens(info.tokens),
    summary: info.summary === true ? true : undefined,
    error: info.error ? { name: text(info.error.name) ?? "error" } : undefined,
  })

  const reduceSession = (info) => ({
    id: text(info.id),
    parentID: text(info.parentID),
    directory: text(info.directory),
    time: { created: number(info.time?.created) },
  })

  // Enough of a path to name its language; the path itself stays here.
  const extension = (path) => {
    if (typeof path !== "string") return undefined
    if (PLAIN_NAMES.includes(basename(path).toLowerCase())) return basename(path)
    const found = extname(path)
    return /^\.[A-Za-z0-9]{1,16}$/.test(found) ? found : undefined
  }

  const reduceTool = (part) => {
    const diff = part.state?.metadata?.filediff
    return {
      type: "tool",
      id: text(part.id),
      callID: text(part.callID),
      messageID: text(part.messageID),
      sessionID: text(part.sessionID),
      tool: text(part.tool),
      file_ext: extension(part.state?.input?.filePath),
      state: {
        status: text(part.state?.status),
        time: { start: number(part.state?.time?.start), end: number(part.state?.time?.end) },
        metadata: diff
          ? { filediff: { additions: number(diff.additions), deletions: number(diff.deletions) } }
          : undefined,
      },
    }
  }

  // ------------------------------------------------------------------------------------- the spool

  const spool = (params) => {
    const directory = join(stateDir(), "telemetry-spool")
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (readdirSync(directory).length >= MAX_SPOOL_FILES) {
      // one byte per event that found no room: the daemon reports the number
      const counter = openSync(join(directory, ".overflow"), "a", 0o600)
      writeSync(counter, ".")
      closeSync(counter)
      return
    }
    const path = join(directory, params.delivery_id)
    const file = openSync(`${path}.tmp`, "wx", 0o600)
    try {
      const data = Buffer.from(JSON.stringify(params))
      for (let at = 0; at < data.length; ) at += writeSync(file, data, at)
      renameSync(`${path}.tmp`, `${path}.json`)
      // last, because on Linux the flush of a file that has just got a name covers the name
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    if (process.platform === "linux") return
    const parent = openSync(directory, "r")
    try {
      fsyncSync(parent)
    } finally {
      closeSync(parent)
    }
  }

  // ---------------------------------------------------------------------------------- the delivery

  /** Everything that is not acknowledged yet, by delivery id, in order. */
  const waiting = new Map()
  let sequence = 0
  let pumping = null

  const give = (id) => {
    const params = waiting.get(id)
    if (!params) return
    waiting.delete(id)
    try {
      spool(params)
    } catch {
      // no daemon and no disk: nothing is left to do, and the agent must not notice
    }
  }

  const spoolAll = () => {
    for (const id of [...waiting.keys()]) give(id)
  }

  /** One connection for these events; ends when all are answered or an answer takes too long. */
  const exchange = (ids) =>
    new Promise((resolve) => {
      let received = ""
      let timer
      const open = new Set(ids)
      const socket = connect({ path: socketPath() })
      const finish = () => {
        clearTimeout(timer)
        socket.destroy()
        resolve(undefined)
      }
      const limit = (ms) => {
        clearTimeout(timer)
        timer = setTimeout(finish, ms)
        timer.unref?.()
      }
      const answered = (line) => {
        const reply = JSON.parse(line)
        if (!open.delete(reply.id)) return
        const stored = reply.result !== undefined && reply.result !== null
        if (stored || REFUSALS.includes(reply.error?.message)) waiting.delete(reply.id)
      }
      limit(CONNECT_MS)
      // the agent may end while we wait: what is unanswered then goes to the spool
      socket.unref?.()
      socket.setEncoding("utf8")
      socket.on("error", finish)
      socket.on("close", finish)
      socket.on("connect", () => {
        limit(ANSWER_MS)
        for (const id of ids) {
          const request = { jsonrpc: "2.0", id, method: "ingest_turn", params: waiting.get(id) }
          socket.write(JSON.stringify(request) + "\n")
        }
      })
      socket.on("data", (chunk) => {
        try {
          received += chunk
          const lines = received.split("\n")
          received = lines.pop() ?? ""
          for (const line of lines) answered(line)
          if (open.size === 0) finish()
          else limit(ANSWER_MS)
        } catch {
          finish()
        }
      })
    })

  const pump = async () => {
    while (waiting.size > 0) {
      const ids = [...waiting.keys()].slice(0, 100)
      try {
        await exchange(ids)
      } catch {
        // a socket path the system refuses: the spool takes them
      }
      for (const id of ids) give(id)
    }
  }

  const send = (payload) => {
    const now = Date.now()
    const order = String(sequence++ % 1_000_000).padStart(6, "0")
    const id = `${now}${order}-${process.pid}-${randomBytes(6).toString("hex")}`
    const params = { source: "opencode", payload, observed_at: now, delivery_id: id }
    const account = (process.env.OPENUSAGE_TELEMETRY_ACCOUNT_ID ?? "").trim()
    if (account) params.account_id = account.slice(0, 256)
    waiting.set(id, params)
    if (waiting.size > MAX_WAITING) give(waiting.keys().next().value)
    pumping ??= pump().finally(() => {
      pumping = null
    })
  }

  // Work begun in an event handler is dropped when the agent ends; this runs all the same.
  process.on("exit", spoolAll)

  // -------------------------------------------------------------------------------------- the events

  const sessions = new Map()
  const messages = new Map()
  const steps = new Map()
  const sent = new Map()

  const remember = (map, key, value) => {
    map.delete(key)
    map.set(key, value)
    if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value)
  }

  /** Whether this very report has been sent: OpenCode repeats the last state of a message. */
  const isRepeated = (key, payload) => {
    const state = JSON.stringify(payload)
    if (sent.get(key) === state) return true
    remember(sent, key, state)
    return false
  }

  /** A fork copies messages under new ids with their old time: they were counted before. */
  const isForkCopy = (message) => {
    const session = sessions.get(message?.sessionID)
    return message?.time?.created < session?.time?.created
  }

  const onMessage = (info) => {
    if (info?.role !== "assistant" || !info.id) return
    const message = reduceMessage(info)
    remember(messages, message.id, message)
    // The first reports hold zeros; the numbers are final with the time of completion.
    if (!(message.time.completed || message.error) || isForkCopy(message)) return
    const payload = { event: { type: "message.updated", properties: { info: message } } }
    const session = sessions.get(message.sessionID)
    if (session) payload.session = session
    const made = [...(steps.get(message.id)?.values() ?? [])]
    if (made.length > 1) payload.steps = made
    if (!isRepeated(message.id, [message, payload.steps])) send(payload)
  }

  const onPart = (part) => {
    if (part?.type === "step-finish" && part.messageID) {
      const made = steps.get(part.messageID) ?? new Map()
      made.set(part.id, { cost: number(part.cost), tokens: reduceTokens(part.tokens) })
      remember(steps, part.messageID, made)
      return
    }
    const status = part?.state?.status
    if (part?.type !== "tool" || !(status === "completed" || status === "error")) return
    const tool = reduceTool(part)
    const message = messages.get(tool.messageID)
    if (isForkCopy(message) || isRepeated(`${tool.callID} ${tool.id}`, tool.state)) return
    const payload = { event: { type: "message.part.updated", properties: { part: tool } } }
    const session = sessions.get(tool.sessionID)
    if (session) payload.session = session
    if (message) {
      const { id, sessionID, parentID, agent, providerID, modelID, path, time } = message
      payload.message = { id, sessionID, parentID, agent, providerID, modelID, path, time }
    }
    send(payload)
  }

  return {
    event: async ({ event }) => {
      try {
        const properties = event?.properties
        if (event?.type === "message.updated") onMessage(properties?.info)
        else if (event?.type === "message.part.updated") onPart(properties?.part)
        else if (event?.type === "session.created" || event?.type === "session.updated") {
          if (properties?.info?.id) {
            remember(sessions, properties.info.id, reduceSession(properties.info))
          }
        }
      } catch {
        // whatever a later version sends, OpenCode must not see an error of ours
      }
    },
    dispose: async () => {
      try {
        if (pumping) {
          let timer
          const limit = new Promise((resolve) => {
            timer = setTimeout(resolve, DISPOSE_MS)
          })
          await Promise.race([pumping, limit])
          clearTimeout(timer)
        }
        spoolAll()
        process.off("exit", spoolAll)
      } catch {
        // see above
      }
    },
  }
}
