// The walkthrough of docs/api.md with the TypeScript client.

import { connect, pages, type components } from "invitations-client";

type Invitation = components["schemas"]["Invitation"];
type ApiError = components["schemas"]["Error"];

declare const process: { env: Record<string, string | undefined> };

const { API_URL, API_KEY } = process.env;
if (!API_URL || !API_KEY) throw new Error("API_URL and API_KEY must be set");
const api = connect(API_URL, API_KEY);
const patient = connect(API_URL, API_KEY, { retry: { cooldown: true } });

function check(condition: boolean, sentence: string, ...shown: unknown[]): asserts condition {
  if (!condition) throw new Error([sentence, ...shown.map((it) => JSON.stringify(it))].join("\n  "));
}

/** The value of a success. */
function ok<T>(result: { data?: T; error?: unknown; response: Response }, status: number): T {
  check(result.response.status === status && result.data !== undefined, `This must be a ${status}.`, result.response.status, result.error);
  return result.data;
}

/** The error of a failure. */
function failed(result: { error?: ApiError; response: Response }, status: number, code: string): ApiError {
  const { error, response } = result;
  check(response.status === status && error !== undefined, `This must be a ${status}.`, response.status);
  check(error.code === code && error.requestId !== "", `The error must be ${code}.`, error);
  return error;
}

async function create(body: components["schemas"]["NewInvitation"], key: string) {
  return api.POST("/invitations", { body, params: { header: { "Idempotency-Key": key } } });
}

const email = "typescript@example.com";
const created: Invitation = ok(await create({ email, roleID: "read-only" }, "typescript-1"), 201);
check(created.email === email && created.state === "invited", "It must be invited.", created);
check(ok(await create({ email, roleID: "read-only" }, "typescript-1"), 201).id === created.id, "A repeated key must replay the response.");

const again = failed(await create({ email, roleID: "read-only" }, "typescript-2"), 400, "already-invited");
check(again.fields["email"]?.includes(created.id) === true, "The reason must name the open invitation.", again);
const invalid = failed(await create({ email: "user.one", roleID: "Full Access" }, "typescript-3"), 400, "invalid-email");
check(invalid.field === "email" && invalid.fields["email"] !== undefined, "The error must name the email.", invalid);
check(invalid.fields["roleID"] !== undefined, "The error must name the role as well.", invalid);

const params = { path: { id: created.id } };
const found: string[] = [];
for await (const page of pages(api, "/invitations", { limit: 1, state: "invited" })) {
  found.push(...page.invitations.map((invitation) => invitation.id));
}
check(found.filter((id) => id === created.id).length === 1, "The list must have the invitation once.", found);
check(ok(await api.GET("/invitations/{id}", { params }), 200).id === created.id, "Describe must find it.");

const tooSoon = await api.POST("/invitations/{id}", { params });
check(Object.keys(failed(tooSoon, 429, "resend-cooldown").fields).length === 0, "No field is to blame.");
const resent = ok(await patient.POST("/invitations/{id}", { params }), 200); // waits for Retry-After
check(resent.lastSent > created.lastSent, "A resend must set lastSent.", resent);
const revoked = ok(await api.POST("/invitations/{id}", { params, body: { state: "revoked" } }), 200);
check(revoked.state === "revoked" && revoked.revokedAt !== undefined, "It must be revoked.", revoked);

const lookup = await api.POST("/invitations/lookup", { body: { token: "i1.unknown" } });
check(lookup.response.status === 404 && lookup.error !== undefined && "fields" in lookup.error, "This must be a 404.", lookup.error);
