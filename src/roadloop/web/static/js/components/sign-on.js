// @ts-check
/** The button that leads to the company's provider, and why its last log-in failed; nothing where there is none. */

import { ApiError } from "../api.js";
import { html, useState } from "../lib.js";
import { useMe } from "../me.js";
import { signOn, signOnFailure } from "../sign-on.js";
import { Panel } from "./layout.js";

/** @param {{words: (title: string) => string, connect?: boolean, hint?: string}} props */
export function SignOn({ words, connect, hint }) {
  const me = useMe();
  const [failure, setFailure] = useState(signOnFailure());
  const [busy, setBusy] = useState(false);
  async function go() {
    setBusy(true);
    try {
      await signOn({ connect });
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught;
      setFailure(caught);
      setBusy(false);
    }
  }
  if (!me?.sign_on) return null;
  return html`
    <${Panel}>
      <div class="stack tight">
        ${
          failure &&
          html`
            <div class="failure" role="alert">
              <span class="mark">✕</span>
              <span class="wrap">${failure.message}</span>
            </div>
          `
        }
        <div>
          <button type="button" class="button primary" name="sign-on" disabled=${busy} onClick=${go}>
            ${words(me.sign_on)}
          </button>
        </div>
        ${hint && html`<p class="quiet small wrap">${hint}</p>`}
      </div>
    <//>
  `;
}
