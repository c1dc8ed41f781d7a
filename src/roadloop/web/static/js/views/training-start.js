// @ts-check
/** The form that starts a training task: what follows from the task is filled in, what it means stands beside it. */

import { act, get } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { devices, GpuField } from "../components/gpu-field.js";
import { Failure, Loading, Panel } from "../components/layout.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";

const FIELDS = ["num_epoch", "batch_size", "base_lr", "steps", "model", "weights", "gpus", "data_type"];

/** @param {{row: any, info: any, started: () => void}} props */
export function StartForm({ row, info, started }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all(
        ["/train_config", "/data_config", "/weights"].map((path) => get(path, { task_id: row.task_id }, signal)),
      ).then(([train, data_, weights]) => ({ train: train.data, data: data_.data, weights: weights.data })),
    [row.task_id],
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  return html`
    <${Panel}>
      <${Start} row=${row} info=${info} train=${data.train} data=${data.data} weights=${data.weights}
        started=${started} />
    <//>
  `;
}

/** @param {{row: any, info: any, train: any, data: any, weights: string[], started: () => void}} props */
function Start({ row, info, train, data, weights, started }) {
  const form = useForm(
    {
      num_epoch: String(train.num_epoch),
      batch_size: String(train.batch_size),
      base_lr: String(train.base_lr),
      steps: train.steps.join(","),
      model: train.model,
      weights: train.weights,
      gpus: "",
      data_type: data.data_type,
    },
    async (values) => {
      await act("/starttask", { ...values, task_id: row.task_id });
      started();
    },
  );
  const { values } = form;
  const calculate = async () => {
    const reply = await get("/calculate", { task_id: row.task_id, batch_val: values.batch_size });
    form.set("num_epoch", String(reply.data));
  };
  return html`
    <${FormBox} form=${form} fields=${FIELDS}
      go=${t(
        `在 ${devices(values.gpus)} 上开始训练 ${values.num_epoch} 轮`,
        `Start ${values.num_epoch} epochs on ${devices(values.gpus)}`,
      )}>
      <${Input} form=${form} name="batch_size" type="number" min="1" label=${t("批大小", "Batch size")}
        hint=${t("所有设备合计。", "All devices together.") + stepsHint(info, values)} />
      <${Input} form=${form} name="num_epoch" type="number" min="1" label=${t("轮数", "Epochs")}
        hint=${html`
          ${updates(info, values)} <button type="button" class="as-link" onClick=${calculate}>
            ${t("按约 10,000 次更新计算", "For about 10,000 updates")}
          </button>
        `} />
      <${Input} form=${form} name="base_lr" type="number" min="0" step="any"
        label=${t("初始学习率", "First learning rate")}
        hint=${t(
          `网络的默认值；优化器 ${train.optimizer}。`,
          `The network's default; optimizer ${train.optimizer}.`,
        )} />
      <${Input} form=${form} name="steps" label=${t("学习率下降步", "Steps where the rate falls")}
        placeholder="10000,20000"
        hint=${t("按迭代次数；不填 = poly 逐步下降。", "In iterations; empty = it falls by the poly rule.")} />
      <${Select} form=${form} name="weights" label=${t("起始权重", "Start weights")}
        options=${[
          ["", row.base_task ? t("起始任务的最好模型", "The base task's best model") : t("从头训练", "From scratch")],
          ...weights.map((w) => [w, w]),
        ]}
        hint=${t("最合适的排在前面。", "Those that fit best come first.")} />
      <${Input} form=${form} name="model" label=${t("模型文件前缀", "Prefix of the model files")}
        hint=${html`<span class="mono">${values.model}_ep-0001.params</span>`} />
      ${
        info?.data_type === "aug" &&
        html`<${Select} form=${form} name="data_type" label=${t("图片", "Pictures")} options=${[
          ["all", t("全部训练图片", "All training pictures")],
          ["aug", t("只用增量新加的", "Only those that the increment added")],
        ]} />`
      }
      <${GpuField} form=${form} spread />
      <p class="wide small quiet">
        ${t(
          `共 ${row.category_num} 个类别，由标签映射决定。开始后配置和映射不再改变。`,
          `${row.category_num} classes, decided by the label map. Once it has started, settings and map are fixed.`,
        )}
      </p>
    <//>
  `;
}

/** Steps in an epoch: what is left over at its end is not used. @param {any} info @param {any} values */
function stepsOf(info, values) {
  const pictures = values.data_type === "all" ? (info?.counts.train ?? 0) : 0;
  const batch = Math.min(Number(values.batch_size), pictures);
  return batch >= 1 ? Math.floor(pictures / batch) : 0;
}

/** @param {any} info @param {any} values */
function stepsHint(info, values) {
  const steps = stepsOf(info, values);
  return steps === 0
    ? ""
    : t(
        ` ${count(info.counts.train)} 张训练图片 → 每轮 ${count(steps)} 步。`,
        ` ${count(info.counts.train)} training pictures → ${count(steps)} steps an epoch.`,
      );
}

/** @param {any} info @param {any} values */
function updates(info, values) {
  const total = stepsOf(info, values) * Number(values.num_epoch);
  return total > 0 ? t(`共 ${count(total)} 次更新。`, `${count(total)} updates in all.`) : "";
}
