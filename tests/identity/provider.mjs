// A real OpenID provider for the tests of the sign-in: two issuers in one process, ours and another tenant's, with the same keys, as the
// tenants of one cloud have them. Told its ports as arguments: node provider.mjs <ours> <other> <where the console returns to>
// Says its private key in its first line, so that a test can sign what no honest provider would.
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [ours, other, returnsTo] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), kid: "of-the-cloud", use: "sig", alg: "RS256" };

function serve(port, name) {
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{ client_id: "backhaul", client_secret: "a-secret-of-the-tests", redirect_uris: [returnsTo], response_types: ["code"],
      grant_types: ["authorization_code"], token_endpoint_auth_method: "client_secret_post" }],
    jwks: { keys: [key] },
    cookies: { keys: ["of-the-tests"] },
    features: { devInteractions: { enabled: true } },
    claims: { openid: ["sub"], profile: ["name"], email: ["email"], auth_time: null },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `${id} of ${name}`, email: "finance@example.com" }) }),
  });
  return new Promise((resolve) => provider.listen(port, "127.0.0.1", resolve));
}

await Promise.all([serve(ours, "ours"), serve(other, "other")]);
console.log(JSON.stringify(key));
