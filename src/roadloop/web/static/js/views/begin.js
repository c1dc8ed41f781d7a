// @ts-check
/** What an empty workspace says: where it is on the disk, and the two ways to begin. */

import { act, get } from "../api.js";
import { Failure, Panel } from "../components/layout.js";
import { JobState } from "../components/state.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

/** @param {{active: import("../places.js").Active}} props */
export function Begin({ active }) {
  const { data } = usePoll((signal) => get("/v1/imports/folders", {}, signal), []);
  const [error, setError] = useState(/** @type {any} */ (undefined));
  const [asked, setAsked] = useState(false);
  const drawing = active.find((job) => job.kind === "demo_pictures");
  /** Draw them; a second click finds the first one's job. */
  async function draw() {
    setAsked(true);
    setError(undefined);
    await act("/v1/demo/pictures").catch((/** @type {any} */ refused) => refused.details?.task_id || setError(refused));
    setAsked(false);
  }
  return html`
    <${Panel} title=${t("从这里开始", "Begin here")}>
      <div class="stack">
        <p>
          ${t("这个工作区还没有图片。它在", "This workspace has no pictures yet. It is the folder ")}${" "}
          <code class="mono wrap">${data?.data.imports.replace(/[/]imports$/, "")}</code>
          ${t("，图片、数据和模型都存放在那里。", ", where pictures, datasets and models are kept.")}
        </p>
        <div class="two">
          <div class="stack tight">
            <b>${t("用自己的图片", "With pictures of your own")}</b>
            <p class="quiet">
              ${t(
                "拖入目录或 zip，或把目录复制到 imports/。导入之前会先给您看会得到什么。",
                "Drop a folder or a zip, or copy a folder to imports/. You see what you get before it is imported.",
              )}
            </p>
            <div>
              <a class="button primary" calls="/v1/uploads" href=${to("import")}>
                ${t("导入图片", "Import pictures")}
              </a>
            </div>
          </div>
          <div class="stack tight">
            <b>${t("先用演示图片试试", "With the demo's pictures")}</b>
            <p class="quiet">
              ${t(
                "绘制 144 张带标注的合成道路图片，不到一分钟，成为源数据 demo-roads。",
                "144 labelled pictures of a synthetic road world, in less than a minute, as the source set demo-roads.",
              )}
            </p>
            ${
              drawing
                ? html`<${JobState} job=${drawing} wide />`
                : html`
                  <div>
                    <button type="button" class="button" calls="/v1/demo/pictures" disabled=${asked} onClick=${draw}>
                      ${t("绘制演示图片", "Draw the demo's pictures")}
                    </button>
                  </div>
                `
            }
            <${Failure} error=${error} />
          </div>
        </div>
      </div>
    <//>
  `;
}
