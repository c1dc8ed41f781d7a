// @ts-check
/** Logging in by the company's provider: away from the page, and back with a code. */

import { secretly } from "./api.js";
import { BASE } from "./lib.js";

/** What was begun: where somebody was, and whether they were logged in and only connect their account. */
const KEY = "roadloop.sign-on";
const page = () => location.origin + BASE;

/** @type {Error | undefined} */
let failure;

/** Why the last log-in by the provider did not end in one. */
export const signOnFailure = () => failure;

/** Go to the provider. @param {{connect?: boolean}} [options] `connect`: who is logged in connects their account. */
export async function signOn({ connect = false } = {}) {
  const reply = await secretly("/v1/sign_on/begin", { page: page() });
  sessionStorage.setItem(KEY, JSON.stringify({ connect, at: location.hash }));
  location.assign(reply.data);
}

/** Where the provider has sent somebody back, finish what was begun; what it sent stays in no address. */
export async function finishSignOn() {
  const sent = Object.fromEntries(new URLSearchParams(location.search));
  if (!sent.state || !(sent.code || sent.error)) return;
  const begun = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  sessionStorage.removeItem(KEY);
  history.replaceState(null, "", BASE + (begun.at ?? ""));
  const { code, state, iss, error, error_description } = sent;
  const values = { page: page(), code, state, iss, error, error_description };
  await secretly(begun.connect ? "/v1/me/sign_on" : "/v1/sign_on", values).then(
    () => (failure = undefined),
    (caught) => (failure = caught),
  );
}
