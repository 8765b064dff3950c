/** When a request is repeated. */

/** The bounds of repeating a request. */
export interface RetryOptions {
  /** Attempts in all; 5 by default. */
  attempts?: number;
  /** The last attempt begins at most this many seconds after the first; 60 by default. */
  seconds?: number;
  /** Seconds after which an attempt without a response has failed; 35 by default, because the service responds within 30. */
  timeout?: number;
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
 * bounds is left to the caller, who gets the last response or failure at once.
 */
export function retrying(send: Send, authorize: (request: Request) => Promise<void>, options: RetryOptions = {}): Send {
  const { attempts = 5, seconds = 60, timeout = 35, clock = systemClock } = options;
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
        await response.clone().arrayBuffer();
        if (response.status !== 429 && response.status !== 503) return response;
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
