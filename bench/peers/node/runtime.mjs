// Lambda's runtime loop: polls the Runtime API for events and returns the handler's responses.
//
// AWS's own client, the npm package aws-lambda-ric, compiles curl and a C++ library during installation, and its current version does not
// run on Node 20. This loop does less than AWS's: no deadline, no trace id, no log capture, no streaming. This can only make the
// program faster.

import http from "node:http";
// Evaluated before the first event is requested, as on Lambda.
import { handler } from "./index.mjs";

const agent = new http.Agent({ keepAlive: true });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const url = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/${path}`;
    const request = http.request(url, { method, agent }, async (response) => {
      const chunks = await response.toArray().catch(reject);
      resolve({ id: response.headers["lambda-runtime-aws-request-id"], text: Buffer.concat(chunks).toString() });
    });
    request.on("error", reject).end(body);
  });
}

for (;;) {
  const { id, text } = await call("GET", "next");
  try {
    const response = await handler(JSON.parse(text), { awsRequestId: id });
    await call("POST", `${id}/response`, JSON.stringify(response));
  } catch (error) {
    await call("POST", `${id}/error`, JSON.stringify({ errorType: error.name, errorMessage: error.message }));
  }
}
