// The OpenID Connect provider of tests/oidc_provider.py: `oidc-provider` with its development forms, which accept any password.
//
//     node server.mjs '{"port": 9300, "keys": "keys.json", "rotate": false, "people": {"jane": {"email": "jane@example.com", …}}}'
//
// Only its keys outlive it, in the file `keys`, newest first. It signs with the newest and publishes two generations, so that `rotate`
// publishes a new one and removes the one before the last.

import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import Provider from "oidc-provider";

const { port, keys, rotate, people } = JSON.parse(process.argv[2]);
const DAY = 24 * 60 * 60;

function generate(alg, ...parameters) {
  return { ...generateKeyPairSync(...parameters).privateKey.export({ format: "jwk" }), alg, use: "sig" };
}

let generations = existsSync(keys) ? JSON.parse(readFileSync(keys, "utf8")) : [];
if (rotate || generations.length === 0) {
  const newest = [generate("RS256", "rsa", { modulusLength: 2048 }), generate("ES256", "ec", { namedCurve: "P-256" })];
  generations = [newest, ...generations].slice(0, 2);
  writeFileSync(keys, JSON.stringify(generations), { mode: 0o600 });
}

// Public clients, whose authorization code only PKCE protects.
function client(id) {
  return {
    client_id: id,
    redirect_uris: ["http://127.0.0.1/signed-in"],
    application_type: "native",
    token_endpoint_auth_method: "none",
    id_token_signed_response_alg: "RS256",
  };
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: ["host-application", "another-application", "yesterdays-application"].map(client),
  jwks: { keys: generations.flat() },
  cookies: { keys: ["not-a-secret"] },
  findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], tenant: ["account", "role"] },
  // ID tokens contain these claims, and access tokens are JWTs that contain them, too.
  conformIdTokenClaims: false,
  extraTokenClaims: (_, token) => people[token.accountId],
  features: {
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => ({ audience, scope: "invitations", accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } } }),
    },
  },
  formats: {
    customizers: {
      jwt: (_, token, { payload }) => {
        if (token.clientId === "yesterdays-application") {
          payload.iat -= DAY;
          payload.exp -= DAY;
        }
      },
    },
  },
  ttl: { AccessToken: 60 * 60, IdToken: 60 * 60, AuthorizationCode: 60, Interaction: 60, Grant: 60 * 60, Session: 60 * 60 },
});
provider.on("server_error", (_, error) => console.error(error));
provider.listen(port, "127.0.0.1", () => console.log("ready"));
