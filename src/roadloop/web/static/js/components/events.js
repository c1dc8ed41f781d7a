// @ts-check
/** What has happened to a job: its attempts, what ended each, and every change of its state. */

import { get } from "../api.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { StateChip } from "./state.js";

/** @typedef {{state: string, attempt_token: number, text: string | null, at: string}} JobEvent */

/** The events of a job, read again when its state changes. @param {{task_id: string, state: string}} job */
export function useEvents(job) {
  const { data } = usePoll((signal) => get(`/v1/jobs/${job.task_id}/events`, {}, signal), [job.task_id, job.state]);
  return /** @type {JobEvent[]} */ (data?.data ?? []);
}

/**
 * How often a job was begun, and how many of these attempts were cut off and gone on with.
 * @param {JobEvent[]} events
 */
export function attempts(events) {
  const begun = new Set(events.filter((event) => event.state === "running").map((event) => event.attempt_token));
  let resumed = 0;
  let running = false;
  for (const { state } of events) {
    if (state === "running") running = true;
    else if (running && state === "queued") {
      resumed++;
      running = false;
    }
  }
  return { begun: begun.size, resumed };
}

/** In words; nothing for a job that went through at once. @param {JobEvent[]} events */
export function attemptWords(events) {
  const { begun, resumed } = attempts(events);
  if (begun < 2) return "";
  const cut = resumed > 0 ? t(`，中断后自动继续 ${resumed} 次`, `, gone on by itself ${resumed}×`) : "";
  return t(`第 ${begun} 次尝试${cut}`, `attempt ${begun}${cut}`);
}

/** @param {{events: JobEvent[]}} props */
export const Events = ({ events }) => html`
  <ol class="events">
    ${events.map(
      (event) => html`
        <li>
          <span class="faint mono">${event.at}</span>
          <${StateChip} state=${event.state} />
          <span class="wrap">
            ${
              event.state === "running" &&
              html`<b>${t(`尝试 ${event.attempt_token}`, `attempt ${event.attempt_token}`)}</b>`
            }
            ${" "}${event.text}
          </span>
        </li>
      `,
    )}
  </ol>
`;
