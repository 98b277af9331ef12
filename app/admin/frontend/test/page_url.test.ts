import assert from "node:assert/strict"
import { test } from "node:test"
import { freeText, oneOf, parameter, selectionField, timeField, withParameters } from "../src/page_url"

const MIN = 60_000
const at = (text: string) => Date.parse(text)
const time = timeField(5 * MIN)
const chosen = selectionField()
const order = oneOf(["broken", "name"], "broken")

/** What comes back when someone opens the address that another one's page has written. */
const again = <T>(field: { read: (text: string) => T | undefined; write: (value: T) => string }, value: T) =>
  field.read(parameter(withParameters("", new Map([["it", field.write(value)]])), "it")!)

test("a window comes back from the address, one that ends now as one that ends now", () => {
  for (const spanMs of [90_000, 60 * MIN, 90 * MIN, 61 * MIN + 5000, null]) {
    assert.deepEqual(again(time, { spanMs, endMs: null }), { spanMs, endMs: null })
  }
  const past = { spanMs: 2 * MIN, endMs: at("2026-11-27T14:05:12.345Z") }
  assert.deepEqual(again(time, past), past)
  assert.equal(time.write(past), "2026-11-27T14:03:12.345Z/2026-11-27T14:05:12.345Z")
})

test("what is usual is not in the address", () => {
  assert.equal(time.write({ spanMs: 5 * MIN, endMs: null }), "")
  assert.equal(order.write("broken"), "")
  assert.equal(chosen.write(null), "")
  assert.equal(withParameters("?order=name&time=1h", new Map([["order", ""], ["time", ""]])), "")
})

test("a selection comes back with the beginning of its band", () => {
  const breaker = { breaker: "pay,ments@orders/api", fromMs: null, toMs: null, bandId: null }
  const band = { ...breaker, fromMs: at("2026-11-27T14:03:12.345Z") }
  assert.deepEqual(again(chosen, breaker), breaker)
  assert.deepEqual(again(chosen, { ...band, toMs: 5, bandId: 7 }), band)
})

test("a filter comes back as it was typed", () => {
  for (const text of ["pay ments", "&=?#%", "größe ✓", "<img src=x>"]) assert.equal(again(freeText(), text), text)
})

test("the address can be read by people", () => {
  const texts = new Map([["time", "2026-11-27T14:03:12Z/2026-11-27T14:05:12Z"], ["selected", "a@b,2026-11-27T14:03:12Z"]])
  assert.equal(
    withParameters("", texts),
    "?time=2026-11-27T14:03:12Z/2026-11-27T14:05:12Z&selected=a@b,2026-11-27T14:03:12Z",
  )
})

test("parameters of others stay", () => {
  assert.equal(withParameters("?gateway=eu&x=&find=old", new Map([["find", "new"]])), "?gateway=eu&x=&find=new")
  assert.equal(parameter("?gateway=eu", "find"), undefined)
})

test("garbage is no value and throws nothing", () => {
  const windows = ["", "5", "5x", "-5m", "1s", "99999999999s", "2026", "a/b", "2026-11-27T14:03:12Z", "all/all", "0m"]
  const halves = ["2026-11-27T14:03:12Z/", "2026-99-99T00:00:00Z/2026-11-27T14:03:12Z", "/", "//"]
  const backwards = "2026-11-27T14:05:12Z/2026-11-27T14:03:12Z"
  const three = "2026-11-27T14:03:12Z/2026-11-27T14:05:12Z/2026-11-27T14:05:12Z"
  for (const text of [...windows, ...halves, backwards, three]) assert.equal(time.read(text), undefined, text)
  for (const text of ["", ",2026-11-27T14:03:12Z", "a,2026-13-99T99:99:99Z", "x".repeat(500)]) {
    assert.equal(chosen.read(text), undefined, text)
  }
  for (const text of ["", "Name", "constructor"]) assert.equal(order.read(text), undefined)
  assert.equal(freeText().read("x".repeat(201)), undefined)
  for (const search of ["?%", "?%E0%A4%A&time=5m", "?&&=&=x", "time"]) withParameters(search, new Map([["time", "1h"]]))
  assert.doesNotThrow(() => withParameters("", new Map([["find", "\ud800"]])))
})
