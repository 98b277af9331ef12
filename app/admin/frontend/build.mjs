// Bundles the page into ../static: hashed names, each file beside its .gz, one index.html, the licences.
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join, dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import * as esbuild from "esbuild"

const HERE = dirname(fileURLToPath(import.meta.url))
const DONE = join(HERE, "..", "static")
const OUT = join(HERE, "node_modules", ".monitor") // takes the place of DONE when it is whole
const PUBLIC = "/monitor/" // where the gateway serves OUT
const MOST_BYTES = 200 * 1024 // of all that a browser loads, gzipped

await rm(OUT, { recursive: true, force: true })
await mkdir(OUT, { recursive: true })

const options = {
  absWorkingDir: HERE,
  outdir: OUT,
  publicPath: PUBLIC,
  bundle: true,
  minify: true,
  target: ["es2022", "chrome109", "firefox115", "safari16"],
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".woff2": "copy", ".svg": "copy" },
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  legalComments: "none", // LICENSES.txt has them whole
  metafile: true,
  logLevel: "warning",
}
const page = await esbuild.build({
  ...options,
  entryPoints: [
    { in: "src/main.tsx", out: "monitor" },
    { in: "src/style/monitor.css", out: "monitor" },
    { in: "src/icon.svg", out: "icon" },
  ],
  splitting: true,
  format: "esm",
})
// No module, for a module runs after the first paint.
const early = await esbuild.build({ ...options, entryPoints: ["src/early.ts"], format: "iife" })
const inputs = { ...page.metafile.inputs, ...early.metafile.inputs }
const outputs = { ...page.metafile.outputs, ...early.metafile.outputs }

const made = Object.entries(outputs).map(([path, output]) => ({ name: path.split("/").at(-1), ...output }))
const url = (test) => PUBLIC + made.find(test).name
const entry = (source, ending) => url((file) => file.entryPoint === source && file.name.endsWith(ending))

const html = (await readFile(join(HERE, "src/index.html"), "utf8"))
  .replaceAll("%EARLY%", entry("src/early.ts", ".js"))
  .replaceAll("%SCRIPT%", entry("src/main.tsx", ".js"))
  .replaceAll("%STYLE%", entry("src/style/monitor.css", ".css"))
  .replaceAll("%ICON%", url((file) => file.name.startsWith("icon-")))
  .replaceAll("%CHARTS%", url((file) => file.entryPoint === "src/charts/index.ts"))
  .replaceAll("%FONT%", url((file) => file.name.endsWith(".woff2")))
if (html.includes("%")) throw new Error("src/index.html: a placeholder was not filled")
await writeFile(join(OUT, "index.html"), html)

const bundled = new Set(
  Object.keys(inputs)
    .map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1])
    .filter(Boolean),
)
const licences = await Promise.all(
  [...bundled].sort().map(async (name) => {
    const folder = join(HERE, "node_modules", name)
    const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"))
    const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one))
    return `${name} ${version}\n\n${await readFile(join(folder, file), "utf8")}`
  }),
)
await writeFile(join(OUT, "LICENSES.txt"), licences.join(`\n\n${"-".repeat(80)}\n\n`))

let loadedBytes = 0
for (const name of (await readdir(OUT)).sort()) {
  if (name.endsWith(".woff2")) {
    loadedBytes += (await readFile(join(OUT, name))).length // compressed by itself
    continue
  }
  const packed = gzipSync(await readFile(join(OUT, name)), { level: 9 })
  await writeFile(join(OUT, `${name}.gz`), packed)
  if (name !== "LICENSES.txt") loadedBytes += packed.length
}
if (loadedBytes > MOST_BYTES) throw new Error(`${loadedBytes} bytes gzipped: more than ${MOST_BYTES / 1024} KiB`)
await rm(DONE, { recursive: true, force: true })
await rename(OUT, DONE)
console.log(`monitor: ${made.length + 1} files, ${(loadedBytes / 1024).toFixed(1)} KiB gzipped in ${DONE}`)
