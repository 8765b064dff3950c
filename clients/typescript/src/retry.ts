/** When a request is repeated. */

/** The bounds of repeating a request. */
export interface RetryOptions {
  /** Attempts in all; 5 by default. */
  attempts?: number;
  /** The last attempt begins at most this many seconds after the first; 60 by default. */
  seconds?: number;
  /** Seconds after which an attempt without a response has failed; 35 by default, because the service responds within 30. */
  timeout?: number;
  /** Whether to wait for the end of a resend cooldown, too; false by default. */
  cooldown?: boolean;
  /** Replaces time and chance in tests. */
  clock?: Clock;
}

export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Rejects when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

type Send = (request: Request) => Promise<Response>;

/**
 * Repeats a request after a 429 or a 503, and after a connection failure if a repetition cannot do anything twice. A wait beyond the
 * bounds is left to the caller, who gets the last response or failure at once. So is a resend cooldown: the email was sent just now.
 */
export function retrying(send: Send, authorize: (request: Request) => Promise<void>, options: RetryOptions = {}): Send {
  const { attempts = 5, seconds = 60, timeout = 35, cooldown = false, clock = systemClock } = options;
  return async (request) => {
    const repeatable = request.method === "GET" || request.headers.has("Idempotency-Key");
    const end = clock.now() + 1000 * seconds;
    for (let attempt = 1; ; attempt++) {
      const one = new Request(request.clone(), { signal: AbortSignal.any([request.signal, AbortSignal.timeout(1000 * timeout)]) });
      await authorize(one);
      let response: Response | undefined;
      let failure: unknown;
      try {
        response = await send(one);
        // A connection can also fail while the body arrives.
        const body = await response.clone().text();
        if (response.status !== 429 && response.status !== 503) return response;
        if (!cooldown && code(body) === "resend-cooldown") return response;
      } catch (error) {
        if (!repeatable) throw error;
        response = undefined;
        failure = error;
      }
      const wait = retryAfter(response) ?? backoff(attempt, clock.random());
      if (attempt >= attempts || clock.now() + wait > end) {
        if (response) return response;
        throw failure;
      }
      await clock.sleep(wait, request.signal);
    }
  };
}

/** The code of an error of the service. Errors of the gateway have none. */
function code(body: string): unknown {
  try {
    return (JSON.parse(body) as { code?: unknown } | null)?.code;
  } catch {
    return undefined;
  }
}

/** The header in milliseconds. The service sends whole seconds. */
function retryAfter(response: Response | undefined): number | undefined {
  const value = response?.headers.get("Retry-After");
  return value && /^\d+$/.test(value) ? 1000 * Number(value) : undefined;
}

/** Half a second, doubled with every attempt, at most 8 seconds; at least half of it, so that callers spread. */
function backoff(attempt: number, random: number): number {
  return Math.min(500 * 2 ** (attempt - 1), 8000) * (0.5 + random / 2);
}

const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const abort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", abort);
        resolve();
      }, milliseconds);
      signal.addEventListener("abort", abort, { once: true });
    }),
  random: Math.random,
};
