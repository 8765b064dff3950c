// The rules of the TypeScript client for retries, keys, credentials and pages, with a server that responds as each test says.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { ApiError, connect, pages } from "invitations-client";

const id = "3FDCA1955AE7EB167B25D7D90AC02B9F";
const error = { code: "some-code", message: "A sentence.", fields: {}, requestId: "1" };
const body = { email: "ann@example.com", roleID: "read-only" };
const params = { path: { id } };
const CLOSE = "close"; // no response
const CUT = "cut"; // a body that ends too early

let server, script, requests, slept, time;

before(async () => {
  server = http.createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      requests.push({ url: request.url, headers: request.headers, body: text });
      const next = script.length > 1 ? script.shift() : script[0];
      if (next === CLOSE) return request.socket.destroy();
      const [status, headers, value] = next === CUT ? [200, {}, { id }] : next;
      const content = JSON.stringify(value);
      response.writeHead(status, { ...headers, "content-type": "application/json", "content-length": content.length + (next === CUT ? 10 : 0) });
      if (next === CUT) response.write(content, () => request.socket.destroy());
      else response.end(content);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  slept = [];
  time = 0;
});

// Sleeping moves the time, and takes none.
const clock = {
  now: () => time,
  sleep: async (milliseconds, signal) => {
    signal.throwIfAborted();
    time += milliseconds;
    slept.push(milliseconds / 1000);
  },
  random: () => 0,
};

/** A client of a server that responds like this, and like the last of them from then on. */
function serve(...responses) {
  return serveWith("ik_test", ...responses);
}

function serveWith(credential, ...responses) {
  [script, requests] = [responses, []];
  return connect(`http://127.0.0.1:${server.address().port}`, credential, { retry: { clock } });
}

const unavailable = (seconds, status = 503) => [status, { "retry-after": seconds }, error];
const success = [200, {}, { id }];
const describe = (client) => client.GET("/invitations/{id}", { params });
const header = (name) => requests.map(({ headers }) => headers[name]);

for (const status of [429, 503]) {
  test(`waits exactly as long as the Retry-After of a ${status} says`, async () => {
    const { data } = await describe(serve(unavailable(7, status), unavailable(2, status), success));
    assert.equal(data.id, id);
    assert.deepEqual(slept, [7, 2]);
  });
}

test("repeats a write with the same key and body", async () => {
  const { response } = await serve(unavailable(1), CLOSE, [201, {}, { id }]).POST("/invitations", { body });
  assert.equal(response.status, 201);
  const keys = header("idempotency-key");
  assert.equal(keys.length, 3);
  assert.ok(keys[0]);
  assert.equal(new Set(keys).size, 1);
  assert.deepEqual(requests.map((request) => JSON.parse(request.body)), [body, body, body]);
});

test("waits longer each time without a Retry-After", async () => {
  const { response } = await describe(serve([503, {}, { message: "Service Unavailable" }]));
  assert.equal(response.status, 503);
  assert.deepEqual(slept, [0.25, 0.5, 1, 2]);
});

const coolingDown = [429, { "retry-after": 7 }, { ...error, code: "resend-cooldown" }];

test("returns a resend cooldown at once, and waits for it only if asked to", async () => {
  const { response, error } = await serve(coolingDown, success).POST("/invitations/{id}", { params });
  assert.deepEqual([response.status, error.code], [429, "resend-cooldown"]);
  assert.deepEqual([requests.length, slept], [1, []]);
  serve(coolingDown, success);
  const client = connect(`http://127.0.0.1:${server.address().port}`, "ik_test", { retry: { clock, cooldown: true } });
  assert.equal((await client.POST("/invitations/{id}", { params })).response.status, 200);
  assert.deepEqual(slept, [7]);
});

test("waits for the send quota and for the gateway", async () => {
  for (const value of [{ ...error, code: "send-quota" }, { message: "Too Many Requests" }, null]) {
    slept = [];
    assert.equal((await serve([429, { "retry-after": 7 }, value], success).POST("/invitations/{id}", { params })).response.status, 200);
    assert.deepEqual(slept, [7]);
  }
});

test("leaves a wait beyond the bound to the caller", async () => {
  const { response } = await describe(serve(unavailable(61, 429)));
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "61");
  assert.deepEqual([requests.length, slept], [1, []]);
});

test("begins no attempt after the total time", async () => {
  const { response } = await describe(serve(unavailable(25)));
  assert.equal(response.status, 503);
  assert.deepEqual([requests.length, slept], [3, [25, 25]]);
});

test("makes at most five attempts", async () => {
  await describe(serve(unavailable(0)));
  assert.equal(requests.length, 5);
  await assert.rejects(describe(serve(CLOSE)), TypeError);
  assert.equal(requests.length, 5);
});

for (const failure of [CLOSE, CUT]) {
  test(`repeats after a connection failure (${failure}) only what is safe to repeat`, async () => {
    assert.equal((await describe(serve(failure, success))).response.status, 200);
    assert.equal((await serve(failure, success).POST("/invitations/{id}", { params })).response.status, 200);
    await assert.rejects(serve(failure, success).POST("/invitations/lookup", { body: { token: "i1.unknown" } }));
    assert.equal(requests.length, 1);
  });
}

test("repeats no other error", async () => {
  for (const status of [400, 401, 404, 500]) {
    assert.equal((await describe(serve([status, { "retry-after": 1 }, error], success))).response.status, status);
    assert.equal(requests.length, 1);
  }
});

test("each write has a key of its own unless the caller gives one", async () => {
  const client = serve([201, {}, { id }]);
  await client.POST("/invitations", { body });
  await client.POST("/invitations", { body });
  await client.POST("/invitations", { body, params: { header: { "Idempotency-Key": "mine" } } });
  const [first, second, third] = header("idempotency-key");
  assert.ok(first && second && first !== second);
  assert.equal(third, "mine");
});

test("what takes no key gets none", async () => {
  const client = serve([200, {}, { results: [] }]);
  const bulk = { invitations: [body] };
  await client.POST("/invitations/bulk", { body: bulk, params: { query: { dryRun: "true" } } });
  await client.POST("/invitations/lookup", { body: { token: "i1.unknown" } });
  await client.POST("/invitations/bulk", { body: bulk });
  assert.deepEqual(header("idempotency-key").map((key) => key === undefined), [true, true, false]);
});

test("a string is an API key, and a function yields a token for each attempt", async () => {
  await describe(serve(success));
  assert.deepEqual(header("authorization"), ["ApiKey ik_test"]);
  const tokens = ["first", "second"];
  await describe(serveWith(async () => tokens.shift(), unavailable(1), success));
  assert.deepEqual(header("authorization"), ["Bearer first", "Bearer second"]);
});

test("a function that fails ends the call", async () => {
  const failing = () => {
    throw new Error("Signed out.");
  };
  await assert.rejects(describe(serveWith(failing, success)), /^Error: Signed out\.$/);
  assert.deepEqual([requests.length, slept], [0, []]);
});

test("an aborted call is not repeated", async () => {
  const stop = new AbortController();
  let calls = 0;
  const fetch = async (request) => {
    calls++;
    stop.abort();
    return globalThis.fetch(request);
  };
  const client = connect("http://127.0.0.1:1", "ik_test", { retry: { clock }, fetch });
  await assert.rejects(client.GET("/invitations/{id}", { params, signal: stop.signal }), { name: "AbortError" });
  assert.deepEqual([calls, slept], [1, []]);
});

test("an abort ends the wait", async () => {
  const stop = new AbortController();
  serve(unavailable(30), success);
  const client = connect(`http://127.0.0.1:${server.address().port}`, "ik_test");
  setTimeout(() => stop.abort(), 50);
  await assert.rejects(client.GET("/invitations/{id}", { params, signal: stop.signal }), { name: "AbortError" });
  assert.equal(requests.length, 1);
});

test("pages keep the filters until there is no next", async () => {
  const client = serve([200, {}, { next: "two", invitations: [{ id }] }], [200, {}, { next: "three", invitations: [] }], [200, {}, { invitations: [{ id }] }]);
  const walked = [];
  for await (const page of pages(client, "/invitations", { limit: 1, state: "invited" })) walked.push(page.invitations.length);
  assert.deepEqual(walked, [1, 0, 1]);
  assert.deepEqual(
    requests.map(({ url }) => new URL(url, "http://x").search),
    ["?limit=1&state=invited", "?limit=1&state=invited&cursor=two", "?limit=1&state=invited&cursor=three"],
  );
});

test("a page that cannot be read is thrown", async () => {
  const walk = pages(serve([200, {}, { next: "two", invitations: [] }], [400, {}, error]), "/invitations/mine");
  await walk.next();
  await assert.rejects(walk.next(), (it) => it instanceof ApiError && it.message === "400: A sentence." && it.body.code === "some-code");
});
