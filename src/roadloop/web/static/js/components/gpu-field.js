// @ts-check
/** Where work runs: the CPU, or GPUs of this host by their numbers. */

import { get } from "../api.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";

/** @param {{form: import("./form.js").Form<any>}} props  Writes `gpus`: numbers separated by commas, empty = CPU. */
export function GpuField({ form }) {
  const { data } = usePoll(
    (signal) => get("/gpus_info", {}, signal),
    [],
    () => 5000,
  );
  const gpus = data?.data ?? [];
  const chosen = form.values.gpus.split(",").filter(Boolean);
  /** @param {string} id */
  const toggle = (id) =>
    form.set(
      "gpus",
      (chosen.includes(id) ? chosen.filter((/** @type {string} */ n) => n !== id) : [...chosen, id]).sort().join(","),
    );
  return html`
    <fieldset class=${`field ${form.errorOf("gpus") ? "wrong" : ""}`}>
      <legend class="label">${t("运行在", "Runs on")}</legend>
      ${
        gpus.length === 0
          ? html`
            <span class="static-value">
              CPU
            </span><span class="hint">
              ${t("这台机器没有 GPU。", "This machine has no GPU.")}
            </span>
          `
          : html`
            <div class="choices">
              ${gpus.map(
                (/** @type {any} */ g) => html`
                  <label class="check">
                    <input type="checkbox" checked=${chosen.includes(String(g.id))}
                      onChange=${() => toggle(String(g.id))} />
                    <span>
                      GPU ${g.id} · ${g.name}
                      <span class="hint">
                        ${
                          g.isLock
                            ? t("正被任务使用，会排队等待", "in use by a job: this one would wait")
                            : t(`空闲 ${count(g.freeMemory)} MiB`, `${count(g.freeMemory)} MiB free`)
                        }
                      </span>
                    </span>
                  </label>
                `,
              )}
            </div>
            <span class="hint">${t("都不选 = CPU", "None chosen = CPU")}</span>
          `
      }
      ${form.errorOf("gpus") && html`<span class="hint bad" role="alert">✕ ${form.errorOf("gpus")}</span>`}
    </fieldset>
  `;
}

/** The devices in words, for a button. @param {string} gpus */
export const devices = (gpus) => (gpus ? `GPU ${gpus}` : "CPU");
