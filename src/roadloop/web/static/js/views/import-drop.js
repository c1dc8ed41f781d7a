// @ts-check
/** Where folders and archives are dropped, and how far each has come. */

import { act, get, removeUpload } from "../api.js";
import { ConfirmButton, Panel } from "../components/layout.js";
import { percent, t } from "../i18n.js";
import { html, useRef, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";
import { chosenFiles, droppedFiles, giveUp, sendFiles, useSends } from "../sending.js";

/** Where a folder is looked at before it is imported. @param {string} src */
export const lookAt = (src) => `${to("import", "new")}?src=${encodeURIComponent(src)}`;

/** Send what was chosen; when it is there and nobody has gone elsewhere, look at it. @param {any[]} files */
async function take(files) {
  const here = location.hash;
  const one = await sendFiles(files);
  if (one?.state === "done" && location.hash === here) go(lookAt(`imports/${one.name}`));
}

export function Drop() {
  const [over, setOver] = useState(false);
  const folder = useRef(/** @type {HTMLInputElement | null} */ (null));
  const archive = useRef(/** @type {HTMLInputElement | null} */ (null));
  /** @param {DragEvent} event */
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer) void droppedFiles(event.dataTransfer).then(take);
  };
  /** @param {Event} event */
  const chosen = (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.files) void take(chosenFiles(input.files));
    input.value = "";
  };
  return html`
    <section calls="/v1/uploads" class=${`drop ${over ? "over" : ""}`} aria-label=${t("上传", "Upload")}
      onDragOver=${(/** @type {Event} */ e) => (e.preventDefault(), setOver(true))}
      onDragLeave=${() => setOver(false)} onDrop=${drop}>
      <p><b>${t("把图片目录或 zip 拖到这里", "Drop a folder of pictures or a zip here")}</b></p>
      <p class="quiet">
        ${t(
          "任意大小；中断后从断点继续。导入之前会先给您看会得到什么。",
          "Of any size; goes on where it was cut off. You see what you get before anything is imported.",
        )}
      </p>
      <div class="row">
        <button type="button" class="button primary" onClick=${() => folder.current?.click()}>
          ${t("选择目录", "Choose a folder")}
        </button>
        <button type="button" class="button" onClick=${() => archive.current?.click()}>
          ${t("选择 zip", "Choose a zip")}
        </button>
      </div>
      <input type="file" name="folder" hidden webkitdirectory multiple ref=${folder} onChange=${chosen} />
      <input type="file" name="archive" hidden accept=".zip,.tar" ref=${archive} onChange=${chosen} />
    </section>
  `;
}

/** What is being sent from here, and what anybody has begun and not ended. */
export function Sends() {
  const sends = useSends();
  const { data, reload } = usePoll(
    (signal) => get("/v1/uploads", {}, signal),
    [sends.length],
    (reply) => (reply.data.length > 0 ? 4000 : 20_000),
  );
  const mine = new Set(sends.map((one) => one.address));
  const others = (data?.data ?? []).filter((/** @type {any} */ row) => !mine.has(`/v1/uploads/${row.id}`));
  if (sends.length + others.length === 0) return null;
  return html`
    <${Panel} title=${t("上传", "Uploads")} flush>
      <ul class="sends">
        ${sends.map((one) => html`<${Mine} key=${one.key} one=${one} />`)}
        ${others.map((/** @type {any} */ row) => html`<${Other} key=${row.id} row=${row} reload=${reload} />`)}
      </ul>
    <//>
  `;
}

/** @param {{one: import("../sending.js").Send}} props */
const Mine = ({ one }) => html`
  <li>
    <b class="wrap grow">${one.name}</b>
    <${Bar} share=${one.size ? one.sent / one.size : 1} />
    <span class="small wrap">${words(one)}</span>
    ${
      one.state === "done"
        ? html`<a class="button small-button" href=${lookAt(`imports/${one.name}`)}>${t("查看", "Look at it")}</a>`
        : html`
          <${ConfirmButton} class="small-button" label=${t("放弃", "Give up")}
            sure=${t("删除已上传的部分？", "Remove what was sent?")} run=${() => giveUp(one)} />
        `
    }
    ${
      one.error &&
      html`<p class=${`small wrap why ${one.state === "failed" ? "bad" : "quiet"}`} role="alert">${one.error}</p>`
    }
  </li>
`;

/** @param {import("../sending.js").Send} one */
const words = (one) =>
  ({
    sending: `${mib(one.sent)} / ${mib(one.size)} MiB`,
    waiting: t("等待服务，稍后继续", "Waits for the server, then goes on"),
    unpacking: t("正在解包", "Being unpacked"),
    done: t(`已在 imports/${one.name}`, `It is imports/${one.name}`),
    failed: t("没有完成", "Did not succeed"),
  })[one.state];

/** @param {number} bytes */
const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);

/** @param {{row: any, reload: () => void}} props */
const Other = ({ row, reload }) => html`
  <li>
    <b class="wrap grow">${row.name}</b>
    <${Bar} share=${row.length ? row.offset / row.length : 1} />
    <span class="small wrap">
      ${
        row.offset < row.length
          ? t("未传完：再次选择同一目录或文件即可继续", "Not sent whole: choose the same folder or file again to go on")
          : row.task_id
            ? html`<a class="link" href=${to("jobs", row.task_id)}>${t("解包任务", "The job that unpacks it")}</a>`
            : t("已传完，尚未解包", "Sent, not yet unpacked")
      }
    </span>
    ${
      row.offset === row.length &&
      html`
        <button type="button" class="button small-button" calls="/v1/uploads/{upload}/unpack"
          onClick=${() => act(`/v1/uploads/${row.id}/unpack`).then(reload, reload)}>
          ${t("解包", "Unpack")}
        </button>
      `
    }
    <${ConfirmButton} calls="DELETE /v1/uploads/{upload}" class="small-button" label=${t("删除", "Remove")}
      sure=${t("删除已上传的部分？", "Remove what was sent?")}
      run=${() => removeUpload(`/v1/uploads/${row.id}`).then(reload)} />
  </li>
`;

/** @param {{share: number}} props */
const Bar = ({ share }) => html`
  <span class="bar" role="progressbar" aria-label=${t("进度", "Progress")} aria-valuemin="0" aria-valuemax="100"
    aria-valuenow=${Math.round(share * 100)}>
    <span style=${{ width: `${share * 100}%` }}></span>
  </span>
  <span class="small num">${percent(share, 0)}</span>
`;
