// Node's own HTTP/2 client against a gateway: `client.mjs URL [CA]`. It prints one line for each thing that it has seen
// hold, and ends with 1 at the first one that does not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";

const BODY_BYTES = 4 << 20;
const STREAMS = 100;

const [url, ca] = process.argv.slice(2);
const session = connect(url, ca ? { ca: readFileSync(ca) } : {});
session.on("error", (error) => {
  console.log(`FAILED: ${error}`);
  process.exit(1);
});

function exchange(headers, body, trailers) {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined, waitForTrailers: trailers !== undefined });
    const pieces = [];
    const seen = { trailers: {} };
    stream.on("response", (fields) => Object.assign(seen, { fields }));
    stream.on("trailers", (fields) => Object.assign(seen, { trailers: fields }));
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.on("data", (piece) => pieces.push(piece));
    stream.on("error", reject);
    stream.on("end", () => resolve({ ...seen, body: Buffer.concat(pieces) }));
    if (body !== undefined) stream.end(body);
  });
}

const small = await exchange({ ":path": "/bytes/1000" });
assert.equal(small.fields[":status"], 200);
assert.equal(small.body.length, 1000);
console.log("get");

const sent = Buffer.alloc(BODY_BYTES, "0123456789abcdef");
const large = await exchange({ ":method": "POST", ":path": "/echo" }, sent);
assert.ok(large.body.equals(sent), "a large body both ways");
console.log("post");

const all = await Promise.all(Array.from({ length: STREAMS }, () => exchange({ ":path": "/bytes/1000" })));
assert.ok(all.every((each) => each.fields[":status"] === 200 && each.body.length === 1000), "many streams");
console.log("streams");

const trailed = await exchange({ ":method": "POST", ":path": "/trailers" }, sent.subarray(0, 100), {
  "x-sum": "of the request",
});
assert.equal(trailed.fields["x-seen"], "of the request");
assert.equal(trailed.trailers["x-sum"], "of the response");
console.log("trailers");
session.close();
