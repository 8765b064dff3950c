/** Client of the Invitations API: openapi-fetch with the types of openapi.yaml, credentials, retries and pages. */

import createClient, { type Client, type Middleware } from "openapi-fetch";
import type { components, paths } from "./api.js";
import { retrying, type RetryOptions } from "./retry.js";

export type { Clock, RetryOptions } from "./retry.js";
export type { components, paths };
export type Invitations = Client<paths>;

/** An API key, or a function that yields a bearer token. The function is called for each attempt, so it can renew the token. */
export type Credential = string | (() => string | Promise<string>);

export interface Options {
  retry?: RetryOptions;
  fetch?: (request: Request) => Promise<Response>;
}

/** A client of the API at `baseUrl`, which does not include `/invitations`. A call can have another `Authorization` header of its own. */
export function connect(baseUrl: string, credential: Credential, options: Options = {}): Invitations {
  const authorize = async ({ headers }: Request) => {
    if (headers.has("Authorization")) return;
    headers.set("Authorization", typeof credential === "string" ? `ApiKey ${credential}` : `Bearer ${await credential()}`);
  };
  const send = options.fetch ?? ((request: Request) => globalThis.fetch(request));
  const client = createClient<paths>({ baseUrl, fetch: retrying(send, authorize, options.retry) });
  client.use(idempotent);
  return client;
}

type PostHeaders<P extends keyof paths> = paths[P] extends { post: { parameters: { header?: infer Headers } } } ? NonNullable<Headers> : object;
type KeyedPath = { [P in keyof paths]: "Idempotency-Key" extends keyof PostHeaders<P> ? P : never }[keyof paths];

/** The writes that take an Idempotency-Key. The compiler compares them with openapi.yaml. */
const KEYED: Record<KeyedPath, true> = { "/invitations": true, "/invitations/bulk": true, "/invitations/{id}": true };

/** Gives writes a key unless the caller does. A dry run takes none. */
const idempotent: Middleware = {
  onRequest({ request, schemaPath, params }) {
    const keyed = request.method === "POST" && schemaPath in KEYED && params.query?.["dryRun"] !== "true";
    if (keyed && !request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", crypto.randomUUID());
  },
};

/** An error of the service, where there is no result to return it in. */
export class ApiError extends Error {
  constructor(
    readonly response: Response,
    readonly body: components["schemas"]["Error"] | components["schemas"]["GatewayMessage"] | undefined,
  ) {
    super(`${response.status}: ${body?.message ?? response.statusText}`);
    this.name = "ApiError";
  }
}

type ListPath = "/invitations" | "/invitations/mine";
type Query<P extends ListPath> = Omit<NonNullable<paths[P]["get"]["parameters"]["query"]>, "cursor" | "next">;
type Page<P extends ListPath> = paths[P]["get"]["responses"][200]["content"]["application/json"];
type Get = (path: ListPath, init: object) => Promise<{ data?: unknown; error?: ApiError["body"]; response: Response }>;

/** All pages of a list. Throws an `ApiError` if one cannot be read. */
export async function* pages<P extends ListPath>(client: Invitations, path: P, query?: Query<P>): AsyncGenerator<Page<P>, void> {
  let cursor: string | undefined;
  do {
    const params = { query: cursor === undefined ? query : { ...query, cursor } };
    const { data, error, response } = await (client.GET as Get)(path, { params });
    if (data === undefined) throw new ApiError(response, error);
    const page = data as Page<P>;
    yield page;
    cursor = page.next;
  } while (cursor !== undefined);
}
