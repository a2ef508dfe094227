// A client of the OpenUsage daemon from spec/jsonrpc.md alone; Node's standard library only.
// usage: node client.mjs METHOD [PARAMS-JSON]
import net from "node:net";
import path from "node:path";
import process from "node:process";

const MAX_LINE_BYTES = 8 * 1024 * 1024;

function socketPath(env) {
  if (env.OPENUSAGE_TELEMETRY_SOCKET) return env.OPENUSAGE_TELEMETRY_SOCKET;
  const xdg = env.XDG_STATE_HOME ?? "";
  const state = xdg.startsWith("/") ? xdg : path.join(env.HOME, ".local", "state");
  const found = path.join(state, "openusage", "telemetry.sock");
  const runtime = env.XDG_RUNTIME_DIR ?? "";
  if (Buffer.byteLength(found) > 103 && runtime.startsWith("/")) {
    return path.join(runtime, "openusage.sock");
  }
  return found;
}

function call(method, params) {
  return new Promise((resolve, reject) => {
    const socket = net.createConnection(socketPath(process.env));
    let received = Buffer.alloc(0);
    socket.setTimeout(10_000, () => socket.destroy(new Error("timeout")));
    socket.on("error", reject);
    socket.on("connect", () => {
      socket.write(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) + "\n");
    });
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\n");
      if (end < 0) {
        if (received.length > MAX_LINE_BYTES) socket.destroy(new Error("line too long"));
        return;
      }
      socket.end();
      resolve(received.subarray(0, end).toString("utf8"));
    });
    socket.on("end", () => reject(new Error("the daemon hung up")));
  });
}

const [method, params = "{}"] = process.argv.slice(2);
const line = await call(method, JSON.parse(params));
console.log(line);
process.exitCode = "error" in JSON.parse(line) ? 1 : 0;
