// @ts-check
/** Who looks at the page, and what they may do: asked once, and again when a log-in is needed. */

import { get, onLogInNeeded } from "./api.js";
import { useHeard } from "./heard.js";

/**
 * `accounts`: whether somebody has an account; without one everybody on the machine may do everything.
 * `sign_on`: what the provider is called by which people log in.
 * `refused`: the calls that are not for them.
 * @typedef {{accounts: boolean, name: string | null, role: string | null, rights: string[], refused: string[],
 *   sign_on: string | null}} Me
 */

/** @type {Me | undefined} */
let me;
/** @type {Set<() => void>} */
const watchers = new Set();

/** @param {Me | undefined} now */
function set(now) {
  me = now;
  for (const watcher of [...watchers]) watcher();
}

/** Ask again who looks: after a log-in, a log-out, or the first account. */
export async function askWho() {
  const reply = await get("/v1/me");
  set(/** @type {Me} */ (reply.data));
}

onLogInNeeded(() => {
  if (me?.name) set({ ...me, name: null, role: null, rights: [] });
  else if (me && !me.accounts) set({ ...me, accounts: true, name: null, role: null, rights: [] });
});

/** Who looks, as far as that is known, now and whenever it changes. */
export function useMe() {
  useHeard(watchers);
  return me;
}

/** Whether who looks has a right: see, work, rule... @param {string} right */
export const may = (right) => me?.rights.includes(right) ?? false;

/**
 * Whether who looks may make a call, as the server says. What makes one names it (`calls="/v1/trash"`), and is not
 * drawn where it would be refused.
 * @param {string} call A path as the API reference writes it; a method before it, where that is no POST.
 */
export const mayCall = (call) => !me?.refused.includes(call.includes(" ") ? call : `POST ${call}`);

/** Whether there are accounts at all. */
export const peopled = () => me?.accounts ?? false;
