// Plays OpenCode: loads the plugin, hands it recorded bus events, ends as asked.
// argv: plugin file, events file (JSON lines), how to end (dispose | exit | idle), ms between events
// FLUSHES is a file in which each flush is noted: the inode, and what SPOOL holds by then.
import fs, { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"

const [plugin, events, ending, pause] = process.argv.slice(2)
const { FLUSHES, SPOOL } = process.env
if (FLUSHES) {
  const flush = fs.fsyncSync
  fs.fsyncSync = (fd) => {
    fs.appendFileSync(FLUSHES, `${fs.fstatSync(fd).ino} ${fs.readdirSync(SPOOL)}\n`)
    flush(fd)
  }
  syncBuiltinESMExports()
}
// The plugin is TypeScript by name and JavaScript by syntax: node wants to see the latter's name.
const directory = mkdtempSync(join(tmpdir(), "plugin-"))
copyFileSync(plugin, join(directory, "plugin.mjs"))
const module = await import(join(directory, "plugin.mjs"))
rmSync(directory, { recursive: true })
const hooks = await Promise.all(Object.values(module).map((create) => create({})))
for (const line of readFileSync(events, "utf8").split("\n")) {
  if (!line) continue
  for (const hook of hooks) void hook.event?.({ event: JSON.parse(line).event })
  if (Number(pause)) await new Promise((resolve) => setTimeout(resolve, Number(pause)))
}
if (ending === "exit") process.exit(0)
if (ending === "dispose") for (const hook of hooks) await hook.dispose?.()
