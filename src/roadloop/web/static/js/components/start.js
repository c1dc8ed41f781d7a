// @ts-check
/** A button that starts jobs, and below it how the last one goes: people stay where they are. */

import { ApiError, get } from "../api.js";
import { html, useEffect, useState } from "../lib.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { to } from "../router.js";
import { JobState } from "./state.js";

/**
 * @param {{label: any, run: (say: (words: string) => void) => Promise<string | undefined>, done: () => void,
 *   primary?: boolean, small?: boolean, disabled?: boolean, title?: string}} props
 *   `run` answers with the task that it started; what it `say`s stands on the button. `done`: it has ended.
 */
export function Start({ label, run, done, primary, small, disabled, title }) {
  const [task, setTask] = useState("");
  const [busy, setBusy] = useState("");
  const [error, setError] = useState(/** @type {ApiError | undefined} */ (undefined));
  async function click() {
    setBusy("…");
    setError(undefined);
    setTask("");
    try {
      setTask((await run(setBusy)) ?? "");
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught;
      setError(caught);
    }
    setBusy("");
    done();
  }
  return html`
    <div class="start">
      <button type="button" class=${`button ${primary ? "primary" : ""} ${small ? "small-button" : ""}`}
        disabled=${busy !== "" || disabled} title=${title} onClick=${click}>
        ${busy || label}
      </button>
      ${error && html`<div class="small bad wrap" role="alert">✕ ${error.message}</div>`}
      ${task && html`<${Course} key=${task} task=${task} done=${done} />`}
    </div>
  `;
}

/** @param {{task: string, done: () => void}} props */
function Course({ task, done }) {
  const { data } = usePoll(
    (signal) => get("/v1/jobs", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  const job = data?.data;
  const over = job && !isLive(job);
  useEffect(() => {
    if (over) done();
  }, [over]);
  return job && html`<a class="course" href=${to("jobs", task)}><${JobState} job=${job} /></a>`;
}
