// A real OpenID Connect provider (npm's oidc-provider) on loopback, whose people log in with any password.
// node provider.mjs '{"clients": [...], "people": {"sub": {claims}}}'; its first line is its address.
import http from "node:http";
import { once } from "node:events";
import Provider from "oidc-provider";

const { clients, people } = JSON.parse(process.argv[2]);
const server = http.createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients,
  claims: {
    openid: ["sub"],
    profile: ["preferred_username"],
    email: ["email", "email_verified"],
    groups: ["groups"],
  },
  findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
  cookies: { keys: ["only for tests"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
});
server.on("request", provider.callback());
console.log(issuer);
process.stdin.on("end", () => process.exit(0)).resume(); // it ends with who started it
