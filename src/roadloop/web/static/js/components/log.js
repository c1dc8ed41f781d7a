// @ts-check
/** A job's log: the last lines, growing while somebody looks, the older ones on demand. */

import { get } from "../api.js";
import { t } from "../i18n.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { Failure, Loading } from "./layout.js";

const KEPT = 5000; // lines
const CHUNK = 65536; // bytes

/**
 * Lines with their first byte and the byte after them.
 * @typedef {{lines: string[], first: number, next: number}} Part
 */

/** @param {{task: string, live: boolean}} props */
export function Log({ task, live }) {
  const [follow, setFollow] = useState(true);
  const part = useRef(/** @type {Part | undefined} */ (undefined));
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [, redraw] = useState(0);
  const { data, error, reload } = usePoll(
    (signal) => readOn(task, part, signal),
    [task, live],
    () => (live ? { task, every: 10_000 } : 0),
  );
  useEffect(() => () => void (part.current = undefined), [task]);
  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  if (!part.current) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const { lines, first } = part.current;
  const older = () => readBack(task, part).then(() => redraw((n) => n + 1));
  return html`
    <div class="log" data-version=${data}>
      <div class="row log-head">
        <label class="check">
          <input type="checkbox" checked=${follow} onChange=${() => setFollow(!follow)} />
          ${t("跟随最新", "Follow")}
        </label>
        ${
          first > 0 &&
          html`
            <button type="button" class="button small-button" onClick=${() => (setFollow(false), older())}>
              ${t("更早的", "Earlier lines")}
            </button>
          `
        }
        <span class="grow"></span>
        <a class="link small" href=${`/output_log?task_id=${task}&offset=0&limit=1048576`} target="_blank"
          rel="noreferrer">
          JSON
        </a>
      </div>
      <pre ref=${box} tabindex="0" aria-label=${t("日志", "Log")}>
        ${lines.length ? lines.join("\n") : t("（还没有输出）", "(no output yet)")}
      </pre>
    </div>
  `;
}

/**
 * Read what came since the last time.
 * @param {string} task
 * @param {{current: Part | undefined}} part
 * @param {AbortSignal} signal
 */
async function readOn(task, part, signal) {
  const now = part.current;
  const reply = await get(
    "/output_log",
    { task_id: task, ...(now ? { offset: now.next, limit: CHUNK * 4 } : {}) },
    signal,
  );
  const lines = now ? [...now.lines, ...reply.data] : reply.data;
  part.current = { lines: lines.slice(-KEPT), first: now ? now.first : reply.offset, next: reply.next_offset };
  return reply.next_offset;
}

/** Put the lines before the first one in front. @param {string} task @param {{current: Part | undefined}} part */
async function readBack(task, part) {
  const now = part.current;
  if (!now) return;
  const offset = Math.max(0, now.first - CHUNK);
  const reply = await get("/output_log", { task_id: task, offset, limit: now.first - offset });
  const [torn, ...whole] = reply.data;
  if (offset === 0 || whole.length === 0)
    part.current = { ...now, lines: [...reply.data, ...now.lines], first: offset };
  else
    part.current = {
      ...now,
      lines: [...whole, ...now.lines],
      first: offset + new TextEncoder().encode(torn).length + 1,
    };
}
