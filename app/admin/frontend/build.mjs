// Bundles the pages into ../static: hashed names, each file beside its .gz, index.html of a gateway, fleet.html of the
// operator, the licences.
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
  outdir: OUT, // files name each other by relative paths, so they also work below the path of a proxy
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
    { in: "src/fleet.tsx", out: "fleet" },
    { in: "src/style/fleet.css", out: "fleet" },
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
const file = (test) => made.find(test).name
const entry = (source, ending) => file((one) => one.entryPoint === source && one.name.endsWith(ending))
const names = {
  EARLY: entry("src/early.ts", ".js"),
  SCRIPT: entry("src/main.tsx", ".js"),
  STYLE: entry("src/style/monitor.css", ".css"),
  FLEET_SCRIPT: entry("src/fleet.tsx", ".js"),
  FLEET_STYLE: entry("src/style/fleet.css", ".css"),
  ICON: file((one) => one.name.startsWith("icon-")),
  CHARTS: file((one) => one.entryPoint === "src/charts/index.ts"),
  FONT: file((one) => one.name.endsWith(".woff2")),
}

/** `base`: of the files, as the page reaches them: that of a gateway is at /monitor, that of the fleet at …/monitor/. */
async function writePage(name, base) {
  const source = await readFile(join(HERE, "src", name), "utf8")
  const html = source.replaceAll(/%([A-Z_]+)%/g, (_, key) => {
    if (!names[key]) throw new Error(`src/${name}: nothing is called %${key}%`)
    return base + names[key]
  })
  await writeFile(join(OUT, name), html)
}
await writePage("index.html", PUBLIC)
await writePage("fleet.html", "")

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

const isFleets = (name) => name.startsWith("fleet") // what a gateway's page does not load; the fleet's loads less
let loadedBytes = 0
for (const name of (await readdir(OUT)).sort()) {
  if (name.endsWith(".woff2")) {
    loadedBytes += (await readFile(join(OUT, name))).length // compressed by itself
    continue
  }
  const packed = gzipSync(await readFile(join(OUT, name)), { level: 9 })
  await writeFile(join(OUT, `${name}.gz`), packed)
  if (name !== "LICENSES.txt" && !isFleets(name)) loadedBytes += packed.length
}
if (loadedBytes > MOST_BYTES) throw new Error(`${loadedBytes} bytes gzipped: more than ${MOST_BYTES / 1024} KiB`)
await rm(DONE, { recursive: true, force: true })
await rename(OUT, DONE)
console.log(`monitor: ${made.length + 2} files, ${(loadedBytes / 1024).toFixed(1)} KiB gzipped in ${DONE}`)
