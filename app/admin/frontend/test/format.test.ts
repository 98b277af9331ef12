import assert from "node:assert/strict"
import { test } from "node:test"
import { amount, duration, instant, latency, limitRate, percent, words, zone } from "../src/format"
import { foreignName } from "../src/hosts"

const plain = (text: string) => text.replaceAll("\u00a0", " ")

test("durations are told in two units at most", () => {
  const told = [-5, 900, 59_999, 60_000, 252_000, 11_100_000, 187_200_000].map((ms) => plain(duration(ms)))
  assert.deepEqual(told, ["0 s", "0 s", "59 s", "1 min 00 s", "4 min 12 s", "3 h 05 min", "2 d 4 h"])
})

test("short durations can be told finely", () => {
  assert.deepEqual(
    [50, 996, 9999, 61_000].map((ms) => plain(duration(ms, true))),
    ["50 ms", "1.0 s", "10.0 s", "1 min 01 s"],
  )
})

test("numbers keep about three digits", () => {
  assert.deepEqual([0, 0.4, 7, 9.96, 23.4, 1240, 18_240, 1_200_000].map(amount), [
    "0",
    "0.4",
    "7",
    "10",
    "23",
    "1,240",
    "18.2k",
    "1.20M",
  ])
  assert.deepEqual([null, 0.0004, 0.048, 1.254].map(latency).map(plain), ["–", "0.4 ms", "48 ms", "1.25 s"])
  assert.deepEqual([0, 0.0004, 0.004, 0.12, 1].map(percent).map(plain), ["0 %", "< 0.1 %", "0.4 %", "12 %", "100 %"])
  assert.equal(words("open_duration_over"), "open duration over")
})

test("a limit reads as people say it", () => {
  assert.equal(plain(limitRate(100, 60, "Client")), "100/min per client")
  assert.equal(plain(limitRate(5, 10, "Global")), "5/10 s for all clients")
  assert.equal(plain(limitRate(20, 1, "ClientIP")), "20/s per client address")
})

test("a page under a name that the gateway may not know says what to set", () => {
  assert.match(foreignName("gateway.example.com"), /MONITOR_HOSTS=gateway\.example\.com/)
  for (const known of ["localhost", "a.localhost", "127.0.0.1", "[::1]"]) assert.equal(foreignName(known), "")
})

test("an instant in full names its zone", () => {
  const zones = { UTC: "UTC", "Asia/Kolkata": "UTC+05:30", "America/St_Johns": "UTC−03:30" }
  for (const [name, said] of Object.entries(zones)) {
    process.env.TZ = name
    assert.equal(zone(Date.parse("2026-11-27T14:03:11.250Z")), said)
  }
  process.env.TZ = "Asia/Kolkata"
  assert.equal(instant(Date.parse("2026-11-27T14:03:11.250Z")), "2026-11-27 19:33:11.250 UTC+05:30")
  process.env.TZ = "UTC"
})
