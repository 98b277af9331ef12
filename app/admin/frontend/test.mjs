// Bundles test/*.test.ts for Node and runs them.
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as esbuild from "esbuild"

const HERE = dirname(fileURLToPath(import.meta.url))
const out = await mkdtemp(join(tmpdir(), "tidegate-frontend-"))
const tests = (await readdir(join(HERE, "test"))).filter((name) => name.endsWith(".test.ts"))
await esbuild.build({
  absWorkingDir: HERE,
  entryPoints: tests.map((name) => `test/${name}`),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
})
const files = tests.map((name) => join(out, name.replace(/\.ts$/, ".mjs")))
const { status } = spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" })
await rm(out, { recursive: true })
process.exit(status ?? 1)
