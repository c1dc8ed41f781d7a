// @ts-check
/** Where work runs: the CPU, GPUs of this host by their numbers, or of nodes of a cluster, whose names stand first. */

import { get } from "../api.js";
import { readGpus, toggled, writeGpus } from "../gpus.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";

/** @param {{form: import("./form.js").Form<any>, spread?: boolean}} props
 * Writes `gpus`: `0,1`, `node2:0,1` or, with `spread`, those of several machines; empty = CPU. */
export function GpuField({ form, spread = false }) {
  const { data } = usePoll(
    (signal) => get("/gpus_info", {}, signal),
    [],
    () => ({}),
  );
  const gpus = data?.data ?? [];
  const several = new Set(gpus.map((/** @type {any} */ g) => g["pc-name"])).size > 1;
  const chosen = readGpus(form.values.gpus);
  /** @param {any} g */
  const key = (g) => `${several ? g["pc-name"] : ""}:${g.id}`;
  /** @param {any} g */
  const toggle = (g) => form.set("gpus", writeGpus(toggled(chosen, key(g), spread)));
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
                    <input type="checkbox" checked=${chosen.includes(key(g))} onChange=${() => toggle(g)} />
                    <span>
                      ${several ? `${g["pc-name"]} · ` : ""}GPU ${g.id} · ${g.name}
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
export const devices = (gpus) => (!gpus ? "CPU" : gpus.includes("cpu") ? gpus : `GPU ${gpus}`);
