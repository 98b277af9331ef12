import assert from "node:assert/strict"
import { test } from "node:test"
import { clientName, left, othersText, whom } from "../src/clients"
import type { RejectedBy } from "../src/protocol"

const row: RejectedBy = {
  name: "p/r",
  rejected: 10,
  clients: [
    { client: "acme", rejected: 7, remaining: 0 },
    { client: null, rejected: 2, remaining: null },
  ],
  others: { clients: 3, rejected: 1 },
}

test("whom a row rejects most, and how many others", () => {
  assert.equal(whom(row), "acme and 4 more")
  assert.equal(whom({ ...row, clients: row.clients.slice(0, 1), others: { clients: 0, rejected: 0 } }), "acme")
  assert.equal(whom(undefined), "")
})

test("requests without a key's name are told together", () => {
  assert.deepEqual(row.clients.map(clientName), ["acme", "without a name"])
})

test("what a client may send now", () => {
  assert.deepEqual(row.clients.map(left), ["none left now", ""])
  assert.equal(left({ client: "b", rejected: 1, remaining: 12 }), "12 left now")
})

test("the others are counted, and may be more where the table is full", () => {
  assert.equal(othersText(row), "3 others: 1 rejected")
  assert.equal(othersText({ ...row, others: { clients: 62, rejected: 99 } }), "62 or more others: 99 rejected")
  assert.equal(othersText({ ...row, others: { clients: 0, rejected: 0 } }), "")
})
