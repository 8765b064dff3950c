// The client of the API. It sends requests to the endpoint only, without cookies.

const TIMEOUT = 35_000; // milliseconds; API Gateway times out earlier
const ATTEMPTS = 4;
const PATIENCE = 5; // seconds of Retry-After that a request waits by itself

/** An error with its own sentence, or with the key of one of the panel's. */
export class ApiError extends Error {
  /** @param {{key?: string, message?: string, status?: number, code?: string, fields?: object, retryAfter?: number, reference?: string}} of */
  constructor({ message = "", ...rest }) {
    super(message);
    Object.assign(this, { fields: {}, ...rest });
  }
}

/** An Idempotency-Key. `randomUUID` exists in secure contexts only. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const pause = (seconds, signal) =>
  new Promise((done, failed) => {
    const timer = setTimeout(done, seconds * 1000);
    signal.addEventListener("abort", () => (clearTimeout(timer), failed(signal.reason)), { once: true });
  });

export class Api {
  /**
   * @param {string} endpoint relative ones are below the page's address
   * @param {() => Promise<string>} getToken
   * @param {AbortSignal} signal ends all requests
   * @param {() => void} unauthorized is called when a fresh token is refused, too
   */
  constructor(endpoint, getToken, signal, unauthorized) {
    this.base = new URL(`${endpoint.replace(/\/+$/, "")}/`, document.baseURI);
    Object.assign(this, { getToken, signal, unauthorized });
    /** Milliseconds that the service's clock is ahead, as far as it can be seen. */
    this.ahead = 0;
  }

  /**
   * The response of a request with a credential: `{body, etag}`. A write has an Idempotency-Key, so that it can be repeated until there is
   * a response.
   * @param {string} method
   * @param {string} path
   * @param {{query?: object, body?: object, key?: string, match?: string}} [options]
   */
  async call(method, path, { query = {}, body, key = method === "POST" ? newKey() : undefined, match } = {}) {
    const url = new URL(path, this.base);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    const text = body && JSON.stringify(body);
    const headers = {
      ...(text && { "content-type": "application/json" }),
      ...(key && { "idempotency-key": key }),
      ...(match && { "if-match": match }),
    };
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      const error = await this.#once(url, { method, headers, body: text }).then(
        (answer) => answer,
        (problem) => problem,
      );
      if (!(error instanceof Error)) return error;
      this.signal.throwIfAborted();
      if (error.status === 401 && !renewed) {
        renewed = true;
        continue;
      }
      if (error.status === 401) this.unauthorized();
      const temporary = error.key === "offline" || error.status === 503 || (error.status === 429 && error.retryAfter <= PATIENCE);
      const wait = error.retryAfter ?? 2 ** attempt / 4;
      if (!temporary || attempt >= ATTEMPTS || wait > PATIENCE || error.code === "resend-cooldown") throw error;
      await pause(wait, this.signal);
    }
  }

  async #once(url, options) {
    const token = await Promise.resolve(this.getToken()).catch(() => undefined);
    if (!token) throw new ApiError({ key: "signed_out", status: 401 });
    const authorization = token.includes(" ") ? token : `Bearer ${token}`;
    const response = await this.fetch(url, { ...options, headers: { ...options.headers, authorization } });
    const date = Date.parse(response.headers.get("date"));
    if (date) this.ahead = date - Date.now();
    const body = await response.json().catch(() => undefined);
    if (response.ok && body) return { body, etag: response.headers.get("etag") };
    throw this.#problem(response, body ?? {});
  }

  #problem(response, body) {
    const { status } = response;
    const { code, message, fields } = body;
    const reference = body.requestId ?? response.headers.get("x-request-id") ?? String(status);
    const wait = Number.parseInt(response.headers.get("retry-after"), 10);
    const retryAfter = wait >= 0 ? wait : status === 429 ? 1 : undefined;
    if (status === 401) return new ApiError({ key: "signed_out", status, code });
    if (typeof message !== "string" || status === 500) return new ApiError({ key: "unexpected", status, reference, retryAfter });
    return new ApiError({ message, status, code, fields: fields && typeof fields === "object" ? fields : {}, retryAfter });
  }

  /** A request as it is, with a deadline. */
  async fetch(url, options = {}) {
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(TIMEOUT)]);
    const safe = { credentials: "same-origin", referrerPolicy: "no-referrer", redirect: "error", cache: "no-store", signal };
    try {
      return await fetch(url, { ...safe, ...options });
    } catch {
      throw new ApiError({ key: "offline" });
    }
  }

  /** The texts of all languages, or undefined if the endpoint has none. */
  async texts() {
    try {
      const response = await this.fetch(new URL("console/texts.json", this.base), { cache: "default" });
      return response.ok ? await response.json() : undefined;
    } catch {
      return undefined;
    }
  }
}
