// @ts-check
/** The jobs tray: a ring that fills; a click lists what runs and waits, with time left and reasons. */

import { t } from "../i18n.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { upToDate, useMoves } from "../live.js";
import { to } from "../router.js";
import { Empty } from "./layout.js";
import { addressOf, kindName } from "./kinds.js";
import { JobState } from "./state.js";

const AROUND = 2 * Math.PI * 7;

/** @param {{jobs: import("../places.js").Active}} props */
export function Tray({ jobs }) {
  const [open, setOpen] = useState(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!open) return undefined;
    const outside = (/** @type {Event} */ event) => {
      if (!box.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    const escape = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && setOpen(false);
    addEventListener("pointerdown", outside);
    addEventListener("keydown", escape);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("keydown", escape);
    };
  }, [open]);
  const running = jobs.filter((job) => job.state === "running").map(upToDate);
  useMoves(running.map((job) => job.task_id));
  const share = running.length ? running.reduce((sum, job) => sum + job.progress, 0) / running.length : 0;
  return html`
    <div class="tray" ref=${box}>
      <button type="button" class="tray-button" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>
        <svg class="ring" viewBox="0 0 18 18" aria-hidden="true">
          <circle cx="9" cy="9" r="7" />
          ${
            running.length > 0 &&
            html`
              <circle class="done" cx="9" cy="9" r="7" stroke-dasharray=${AROUND}
                stroke-dashoffset=${AROUND * (1 - share)} />
            `
          }
        </svg>
        ${words(running.length, jobs.length - running.length)}
      </button>
      ${
        open &&
        html`
          <div class="tray-list">
            ${jobs.length === 0 && html`<${Empty}>${t("没有进行中的任务。", "Nothing is running.")}<//>`}
            <ul>
              ${jobs.map(
                (job) => html`
                  <li>
                    <a class="row" href=${addressOf(job)} onClick=${() => setOpen(false)}>
                      <b class="wrap">${job.title}</b>
                      <span class="faint small">${kindName(job.kind)}</span>
                    </a>
                    <${JobState} job=${job} />
                  </li>
                `,
              )}
            </ul>
            <div class="row">
              <span class="grow"></span>
              <a class="link small" href=${to("jobs")} onClick=${() => setOpen(false)}>${t("全部任务", "All jobs")}</a>
            </div>
          </div>
        `
      }
    </div>
  `;
}

/** @param {number} running @param {number} waiting */
function words(running, waiting) {
  if (running + waiting === 0) return t("空闲", "Idle");
  const more = waiting ? t(`，${waiting} 等待`, `, ${waiting} waiting`) : "";
  return t(`${running} 进行中${more}`, `${running} running${more}`);
}
