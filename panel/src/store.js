// What the list shows: the invitations of the API, with changes that are still on their way.

import { ApiError, newKey } from "./api.js";

const PAGE = 25;
const MOST = 100; // of a page of the API
const SEARCHES = 5; // pages that may be empty, because filters are combined, before a person is asked
const FIRST = 2_000; // milliseconds until the list is refreshed after a change
const LAST = 15_000; // at most, without one

/** Delivery states that do not change any more without a resend. */
const FINAL = ["delivered", "failed", "bounced", "complained"];

export class Store {
  /**
   * @param {import("./api.js").Api} api
   * @param {{resendCooldownSeconds?: number}} limits
   * @param {boolean} readable whether the caller may list
   * @param {() => void} changed is called after every change
   */
  constructor(api, limits, readable, changed) {
    Object.assign(this, { api, limits, readable, changed });
    this.filters = {};
    this.items = [];
    this.next = undefined;
    this.loading = false;
    /** The error of the last load, or undefined. */
    this.error = undefined;
    /** Since when the list is not up to date, or undefined. */
    this.stale = undefined;
    this.loaded = undefined;
    this.patches = new Map();
    this.errors = new Map();
    this.cooldowns = new Map();
    /** Counts lists, and what makes the response to an earlier refresh out of date. */
    this.loads = this.epoch = this.refreshes = 0;
    this.delay = FIRST;
    api.signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  /** The invitations as they are shown. */
  get shown() {
    return this.items.map((item) => ({ ...item, ...this.patches.get(item.id) }));
  }

  // --- Reading ---------------------------------------------------------------------------------------------------------

  /** Starts a list with other filters. What is shown stays until there is something else. */
  load(filters = this.filters) {
    this.filters = filters;
    return this.more(true);
  }

  /** Loads the next page, or the first one. */
  async more(first = false) {
    const load = ++this.loads;
    this.epoch++;
    this.loading = true;
    this.signedOut = false;
    this.error = this.stale = undefined;
    this.changed();
    try {
      const page = await this.#read(first ? undefined : this.next, PAGE, SEARCHES);
      if (load !== this.loads) return;
      if (first) this.#clear();
      const known = new Set(this.items.map(({ id }) => id));
      this.items.push(...page.items.filter(({ id }) => !known.has(id)));
      this.next = page.next;
      this.loaded = Date.now();
    } catch (error) {
      if (load !== this.loads) return;
      if (first) this.#clear();
      this.error = error;
    }
    this.loading = false;
    this.changed();
    this.#schedule();
  }

  #clear() {
    this.items = [];
    this.next = undefined;
    this.errors.clear();
  }

  /** At least `count` invitations, if there are that many. */
  async #read(cursor, count, requests) {
    const items = [];
    let next = cursor;
    for (let request = 0; request < requests; request++) {
      const limit = Math.min(MOST, count - items.length);
      const { body } = await this.api.call("GET", "invitations", { query: { ...this.filters, limit, cursor: next } });
      items.push(...body.invitations);
      next = body.next;
      if (!next || items.length >= count) break;
    }
    return { items, next };
  }

  /** Reads everything that is shown again. */
  async refresh() {
    clearTimeout(this.timer);
    if (this.loading || !this.readable) return;
    const [epoch, refresh] = [this.epoch, ++this.refreshes];
    // A response that is older than another, or than a change, says nothing.
    const outdated = () => epoch !== this.epoch || refresh !== this.refreshes;
    try {
      const count = Math.max(PAGE, this.items.length);
      const page = await this.#read(undefined, count, Math.ceil(count / MOST) + SEARCHES);
      if (outdated()) return;
      this.items = page.items;
      this.next = page.next;
      this.loaded = Date.now();
      this.stale = undefined;
    } catch (error) {
      if (outdated()) return;
      this.delay = Math.max(this.delay, Math.min(error.retryAfter ?? 0, 600) * 1000);
      if (error.status === 401) this.error = error;
      else this.stale ??= this.loaded;
    }
    this.changed();
    this.#schedule();
  }

  /** Refreshes soon, and then less and less often. */
  soon(now = false) {
    this.delay = FIRST;
    if (now) this.refresh();
    else this.#schedule();
  }

  #schedule() {
    clearTimeout(this.timer);
    if (this.api.signal.aborted || !this.readable || document.hidden || this.error || this.signedOut || !this.#pending()) return;
    // A long list takes several requests.
    const wait = this.delay * Math.ceil(Math.max(1, this.items.length) / MOST);
    this.timer = setTimeout(() => this.refresh(), wait);
    this.delay = Math.min(LAST, this.delay * 1.5);
  }

  /** Whether something can change by itself: an open invitation, or a delivery; and for a while after a change. */
  #pending() {
    return this.delay < LAST || this.items.some((item) => item.state === "invited" || (item.delivery && !FINAL.includes(item.delivery.state)));
  }

  // --- Writing ---------------------------------------------------------------------------------------------------------

  /**
   * Changes an invitation. `patch` is shown at once, and taken back if the API refuses.
   * @returns {Promise<object>} the invitation, with its `link` if there is one
   */
  async change(invitation, patch, options) {
    const { id } = invitation;
    this.patches.set(id, patch);
    this.errors.delete(id);
    this.epoch++;
    this.changed();
    try {
      const { body } = await this.api.call("POST", `invitations/${id}`, options);
      this.#accept(body, !options?.body || options.body.state === "invited");
      return body;
    } catch (error) {
      if (error.code === "resend-cooldown" && error.retryAfter) this.#cool(invitation, error.retryAfter);
      throw error;
    } finally {
      this.patches.delete(id);
      this.epoch++;
      this.changed();
      this.soon(true);
    }
  }

  /** Creates an invitation. The same key repeats nothing. */
  async create(body, key = newKey()) {
    const { body: created } = await this.api.call("POST", "invitations", { body, key });
    this.epoch++;
    this.#accept(created, true);
    this.changed();
    this.soon(true);
    return created;
  }

  /** Shows an invitation as a response has it. The link is not kept. */
  #accept({ link, ...invitation }, sent) {
    const at = this.items.findIndex(({ id }) => id === invitation.id);
    if (at >= 0) this.items[at] = invitation;
    else if (!Object.values(this.filters).some(Boolean)) this.items.unshift(invitation);
    // Exact, whatever the clocks say.
    if (sent) this.#cool(invitation, this.limits.resendCooldownSeconds ?? 0);
  }

  /** Notes when a sending can be repeated. */
  #cool({ id, lastSent }, seconds) {
    this.cooldowns.set(id + lastSent, Date.now() + seconds * 1000);
  }

  /** The invitation as it is now, and its entity tag. */
  async describe(id) {
    const { body, etag } = await this.api.call("GET", `invitations/${id}`);
    return { invitation: body, etag };
  }

  /** Seconds until the invitation can be sent again. */
  cooldown(invitation) {
    // It was sent at some time within that second.
    const sent = Date.parse(invitation.lastSent) + 1000 - this.api.ahead;
    const exact = this.cooldowns.get(invitation.id + invitation.lastSent);
    const until = exact ?? sent + (this.limits.resendCooldownSeconds ?? 0) * 1000;
    return Math.max(0, Math.ceil((until - Date.now()) / 1000));
  }

  // --- Many ------------------------------------------------------------------------------------------------------------

  /** The results of a chunk of new invitations. */
  async bulk(chunk, dryRun) {
    const { body } = await this.api.call("POST", "invitations/bulk", {
      query: { dryRun: dryRun && "true" },
      body: { invitations: chunk.rows },
      // A dry run takes none.
      key: dryRun ? "" : chunk.key,
    });
    if (body.results?.length !== chunk.rows.length) throw new ApiError({ key: "unexpected", reference: "results" });
    return body.results;
  }
}

const SIZE = 250_000; // bytes; the API takes 256 KiB

/** Divides new invitations into requests, each with an Idempotency-Key of its own. */
export function chunks(rows) {
  const found = [];
  let size = Infinity;
  for (const row of rows) {
    const bytes = new TextEncoder().encode(JSON.stringify(row)).length + 1;
    if (size + bytes > SIZE || found.at(-1).rows.length === MOST) {
      found.push({ rows: [], key: newKey() });
      size = 100;
    }
    found.at(-1).rows.push(row);
    size += bytes;
  }
  return found;
}
