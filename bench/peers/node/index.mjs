// GET /invitations/{id} with the AWS SDK's document client, used as in its examples.

import { createHash, timingSafeEqual } from "node:crypto";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand } from "@aws-sdk/lib-dynamodb";

const { TABLE_NAME, AWS_REGION, URN_NAMESPACE = "cloudone", URN_REGION = AWS_REGION, ROLES } = process.env;
const DEFAULT_ROLES = {
  "full-access": { can: ["invitations:read", "invitations:create", "invitations:modify"] },
  "read-only": { can: ["invitations:read"] },
};
const INTERNAL = "Something has gone terribly wrong. Sorry! Tell us the requestId and we will find out why.";
const roles = ROLES ? JSON.parse(ROLES) : DEFAULT_ROLES;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const API_KEY = /^(ik_live_([0-9]{12})_([0-9A-Za-z]{12})_([0-9A-Za-z]{43}))_([0-9A-Za-z]{6})$/;
const REMEMBERED_MS = { present: 30_000, absent: 5_000, keys: 1000 };
const remembered = new Map();

class HttpError extends Error {
  constructor(status, code, message, field) {
    super(message);
    Object.assign(this, { status, code, field });
  }
}

const sha256 = (text) => createHash("sha256").update(text).digest();
const checksum = (text) => Array.from(sha256(text).subarray(0, 6), (byte) => BASE62[byte % 62]).join("");
const urn = (account, resource) => `urn:${URN_NAMESPACE}:identity:${URN_REGION}:${account}:${resource}`;
const delivery = (state, at, reason) => ({ state, time: time(Number(at)), ...(reason && { reason }) });
const time = (millis) => new Date(millis).toISOString().replace(/\.\d+Z$/, "Z");

async function read(pk, sk) {
  const { Item } = await table.send(new GetCommand({ TableName: TABLE_NAME, Key: { pk, sk }, ConsistentRead: true }));
  return Item;
}

async function findKey(account, id, now) {
  const cacheKey = `${account}/${id}`;
  const known = remembered.get(cacheKey);
  if (known && now - known.at < (known.record ? REMEMBERED_MS.present : REMEMBERED_MS.absent)) return known.record;
  const record = await read(`KEYS#${account}`, id);
  if (remembered.size >= REMEMBERED_MS.keys) remembered.clear();
  remembered.set(cacheKey, { record, at: now });
  return record;
}

async function authorize(header, permission, log) {
  if (!header) throw new HttpError(401, "unauthorized", "Unauthorized: send the header 'Authorization: ApiKey <key>'");
  const [, key] = /^apikey\s+(\S+)$/i.exec(header.trim()) ?? [];
  if (!key) throw new HttpError(401, "unauthorized", "Unauthorized: the header must read 'Authorization: ApiKey <key>'");
  const [, body, account, id, secret, check] = API_KEY.exec(key) ?? [];
  if (!body || check !== checksum(body)) throw new HttpError(401, "unauthorized", "Unauthorized: the API key is incomplete or mistyped");

  const now = Date.now();
  const record = await findKey(account, id, now);
  const alive = record?.enabled && (record.exp === undefined || now < record.exp);
  if (!alive || !timingSafeEqual(Buffer.from(record.hash, "base64url"), sha256(secret))) {
    throw new HttpError(401, "unauthorized", "Unauthorized: the API key is unknown, disabled or expired");
  }
  Object.assign(log, { account, caller: urn(account, `apikey/${id}`) });
  if (!roles[record.role]?.can.includes(permission)) {
    const needs = `It requires the permission ${permission}, which the role '${record.role}' does not have.`;
    throw new HttpError(403, "forbidden", `You tried to do something that you're not allowed to do. ${needs}`);
  }
  return account;
}

async function describe(event, log) {
  const account = await authorize(event.headers?.authorization, "invitations:read", log);
  const given = event.pathParameters?.id ?? "";
  const id = given.toUpperCase();
  if (!/^[0-9A-F]{32}$/.test(id)) {
    throw new HttpError(400, "invalid-id", `id: '${given}' is not an invitation id: it must have exactly 32 hex digits`, "id");
  }
  const item = await read(`A#${account}`, `I#${id}`);
  if (!item) throw new HttpError(404, "not-found", "The resource you were looking for doesn't exist.");
  const open = item.exp > Date.now() ? "invited" : "expired";
  return {
    id,
    email: item.email,
    roleID: item.role,
    state: item.st === "pending" ? open : item.st,
    created: time(item.created),
    lastModified: time(item.modified),
    expiry: time(item.exp),
    lastSent: time(item.sent),
    urn: urn(account, `invitation/${id}`),
    invitedBy: item.by,
    ...(item.st !== "pending" && { [`${item.st}At`]: time(item.closed) }),
    ...(item.accepted_by && { acceptedBy: item.accepted_by }),
    ...(item.delivery && { delivery: delivery(...item.delivery.split("#")) }),
  };
}

export const handler = async (event, context) => {
  const started = performance.now();
  const requestId = event.requestContext?.requestId ?? context.awsRequestId;
  const log = { route: "GET /invitations/{id}", request_id: requestId };
  const headers = { "content-type": "application/json", "x-request-id": requestId, "cache-control": "no-store" };
  let status = 200;
  let body;
  try {
    body = await describe(event, log);
  } catch (error) {
    const known = error instanceof HttpError;
    if (!known) console.error(JSON.stringify({ level: "ERROR", message: "failed", cause: String(error), ...log }));
    const { code, message, field } = known ? error : { code: "internal-error", message: INTERNAL };
    status = known ? error.status : 500;
    body = { code, message, field, requestId };
    log.code = code;
    if (status === 401) headers["www-authenticate"] = 'ApiKey realm="invitations"';
  }
  const micros = Math.round((performance.now() - started) * 1000);
  console.log(JSON.stringify({ timestamp: new Date(), level: "INFO", message: "finished", ...log, status, micros }));
  return { statusCode: status, headers, body: JSON.stringify(body) };
};
