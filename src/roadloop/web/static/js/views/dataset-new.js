// @ts-check
/** The form that builds a dataset from source sets, and beside it what that would be. */

import { act, get, query } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { Empty, Failure, Head, Loading, Panel } from "../components/layout.js";
import { count, many, percent, t } from "../i18n.js";
import { html, useEffect, useState } from "../lib.js";
import { listed } from "../lists.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";
import { pathOf } from "../source-path.js";
import { FilterFields } from "./dataset-filter.js";
import { DatasetPreview, inShort } from "./dataset-preview.js";

const PAUSE = 300; // milliseconds without a change before the preview is asked for
const COUNTED = 40; // source sets whose pictures are counted without being chosen

const FIELDS = [
  "data_name",
  "sour_data",
  "data_type",
  "base_data",
  "train",
  "val",
  "test",
  "split_by",
  "l_value",
  "seed",
  "thread",
  "max_bad",
  "data_desc",
];

/** @param {{route: import("../router.js").Route}} props The query's `sour` and `type`: what the form begins with. */
export function DatasetNew({ route }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([get("/data", {}, signal), get("/sour_datas", {}, signal)]).then(([sets, built]) => ({
        sets: sets.data,
        built: built.data,
      })),
    [],
  );
  return html`
    <${Head} title=${t("生成数据", "New dataset")}
      sub=${t(
        "读取源数据、检查每张图片、按轨迹划分并打包。源数据不会被改动。",
        "Reads source sets, checks every picture, splits by track and packs. The source sets stay as they are.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`<${DatasetForm} sets=${data.sets} built=${data.built} begin=${route.query} />`
    }
  `;
}

/** What /create_data and its preview take of the form. @param {any} values */
function dividing({ mode, sour_data, train, val, test, seed, data_type, base_data, filter }) {
  return {
    sour_data: sour_data.map(listed).join(","),
    l_value: mode !== "lists",
    ...(mode !== "lists" && { train, val, test, seed, split_by: mode }),
    data_type,
    ...(data_type === "aug" && { base_data }),
    ...(Object.keys(filter).length > 0 && { filter }),
  };
}

/** What a dataset of these values would be, asked for when they rest. @param {any} values */
function usePreview(values) {
  const chosen = values.sour_data.length > 0;
  const now = chosen ? JSON.stringify(dividing(values)) : "";
  const [key, setKey] = useState(now);
  useEffect(() => {
    const timer = setTimeout(() => setKey(now), PAUSE);
    return () => clearTimeout(timer);
  }, [now]);
  const { data, error, reload } = usePoll(
    async (signal) => (key ? { key, ...(await query("/v1/datasets/preview", JSON.parse(key), signal)) } : undefined),
    [key],
  );
  const reply = /** @type {any} */ (chosen ? data : undefined);
  return { told: reply?.data, error, retry: reload, old: reply !== undefined && reply.key !== now, chosen };
}

/** @param {{sets: string[], built: string[], begin: Record<string, string>}} props */
function DatasetForm({ sets, built, begin }) {
  const wanted = sets.filter((name) => name === begin.sour);
  const form = useForm(
    {
      data_name: built.includes(begin.sour) ? "" : (wanted[0] ?? ""),
      sour_data: /** @type {string[]} */ (sets.length === 1 ? sets : wanted),
      data_type: begin.type === "aug" ? "aug" : "all",
      base_data: "",
      mode: "track",
      train: "0.8",
      val: "0.1",
      test: "0.1",
      seed: "0",
      thread: "4",
      max_bad: "0.05",
      data_desc: "",
      filter: /** @type {import("./dataset-filter.js").Filter} */ ({}),
    },
    async (values) => {
      const { data_name, data_desc, thread, max_bad } = values;
      const reply = await act("/create_data", { ...dividing(values), data_name, data_desc, thread, max_bad });
      go(to("datasets", reply.data));
    },
  );
  const ahead = usePreview(form.values);
  const counts = useCounts(sets);
  if (sets.length === 0) return html`<${Empty}>${noSets()}<//>`;
  const { values } = form;
  const { told } = ahead;
  const size = told?.possible && !ahead.old && !ahead.error ? ` (${inShort(told)})` : "";
  return html`
    <div class="beside">
    <${Panel}>
    <${FormBox} form=${form} fields=${FIELDS} cancel=${to("datasets")}
      disabled=${values.sour_data.length === 0 || !values.data_name}
      go=${
        values.data_name
          ? t(`生成数据 ${values.data_name}${size}`, `Build dataset ${values.data_name}${size}`)
          : t("生成数据", "Build dataset")
      }>
      <${Input} form=${form} name="data_name" label=${t("名称", "Name")} placeholder="20180801"
        hint=${t("唯一；训练时按它选择。", "Unique; training chooses by it.")} required />
      <${Input} form=${form} name="data_desc" label=${t("描述", "Description")}
        placeholder=${t("可不填", "optional")} />
      <div class="wide"><${Sets} form=${form} sets=${sets} counts=${counts} told=${told} /></div>
      ${
        values.sour_data.length > 0 &&
        html`
          <fieldset class="field wide">
            <legend class="label">${t("筛选图片", "Which pictures")}</legend>
            <${FilterFields} fields=${told?.fields ?? {}} filter=${values.filter} error=${form.errorOf("filter")}
              set=${(/** @type {any} */ filter) => form.set("filter", filter)} />
          </fieldset>
        `
      }
      <${Select} form=${form} name="mode" label=${t("划分方式", "Split")}
        options=${[
          ["track", t("按轨迹随机划分", "Random, by track")],
          ["picture", t("按图片随机划分", "Random, by picture")],
          ["lists", t("用源数据的官方列表", "The sets' official lists")],
        ]}
        hint=${hintOf(values.mode)} />
      ${
        values.mode !== "lists" &&
        html`
          ${["train", "val", "test"].map(
            (split) => html`
              <${Input} form=${form} name=${split} type="number" min="0" step="any"
                label=${t(`${split} 份额`, `Share of ${split}`)} hint=${effective(values, split)} />
            `,
          )}
          <${Input} form=${form} name="seed" type="number" min="0" label=${t("种子", "Seed")}
            hint=${t("同样的设置和种子，得到逐字节相同的数据。", "The same settings and seed give the same bytes.")} />
        `
      }
      <${Select} form=${form} name="data_type" label=${t("类型", "Type")}
        options=${[
          ["all", t("全量", "Everything")],
          ["aug", t("增量：旧图片留在原划分", "Increment: old pictures keep their split")],
        ]} />
      ${
        values.data_type === "aug" &&
        html`
          <${Select} form=${form} name="base_data" label=${t("基于", "Increment of")}
            options=${[
              ["", t("最新的、类别表相同的数据", "The newest with the same class table")],
              ...built.map((name) => [name, name]),
            ]}
            hint=${told?.base && t(`实际基于 ${told.base.name}`, `In effect ${told.base.name}`)} />
        `
      }
      <${Input} form=${form} name="thread" type="number" min="1" label=${t("进程数", "Processes")}
        hint=${t("默认 4，不超过 CPU 核数。", "Default 4, never more than the cores.")} />
      <${Input} form=${form} name="max_bad" type="number" min="0" step="any"
        label=${t("允许的坏文件份额", "Share of bad files allowed")}
        hint=${t("默认 0.05：超过则失败，报告保留。", "Default 0.05: with more the job fails and keeps the report.")} />
    <//>
    <//>
    <${DatasetPreview} ...${ahead} />
    </div>
  `;
}

/** Pictures and tracks of the source sets, one after another, as they come to be known. @param {string[]} sets */
function useCounts(sets) {
  const [counts, setCounts] = useState(/** @type {Record<string, {pictures: number, tracks: number}>} */ ({}));
  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      for (const name of sets.slice(0, COUNTED)) {
        // A set that cannot be opened says why where it is chosen.
        const reply = await get(pathOf(name), {}, abort.signal).catch(() => undefined);
        if (abort.signal.aborted) return;
        if (reply) setCounts((now) => ({ ...now, [name]: reply.data }));
      }
    };
    load();
    return () => abort.abort();
  }, [sets.join("\n")]);
  return counts;
}

/**
 * @param {{form: import("../components/form.js").Form<any>, sets: string[], told: any,
 *   counts: Record<string, {pictures: number, tracks: number}>}} props
 */
function Sets({ form, sets, counts, told }) {
  const chosen = form.values.sour_data;
  /** @param {string} name */
  const saidOf = (name) => told?.sources.find((/** @type {any} */ one) => one.name === name);
  /** @param {string} name */
  const toggle = (name) =>
    form.set(
      "sour_data",
      chosen.includes(name) ? chosen.filter((/** @type {string} */ n) => n !== name) : [...chosen, name],
    );
  return html`
    <fieldset class=${`field ${form.errorOf("sour_data") ? "wrong" : ""}`}>
      <legend class="label">
        ${t("源数据", "Source sets")}${" "}
        <span class="faint small">
          ${t(`已选 ${chosen.length} / ${sets.length}`, `${chosen.length} of ${sets.length} chosen`)}
        </span>
      </legend>
      <div class="choices">
        ${sets.map(
          (name) =>
            html`
              <label class="check">
                <input type="checkbox" name="sour_data" value=${name} checked=${chosen.includes(name)}
                  onChange=${() => toggle(name)} />
                <span class="wrap grow">${name}</span>
                <span class="small quiet nowrap">
                  ${numbers(chosen.includes(name) ? saidOf(name) : undefined, counts[name])}
                </span>
              </label>
            `,
        )}
      </div>
      ${form.errorOf("sour_data") && html`<span class="hint bad" role="alert">✕ ${form.errorOf("sour_data")}</span>`}
    </fieldset>
  `;
}

/** What a set has, and what is taken of it where that is less. @param {any} said @param {any} has */
function numbers(said, has) {
  const all = said ?? has;
  if (!all) return "";
  const words = t(
    `${count(all.pictures)} 张 · ${count(all.tracks)} 条轨迹`,
    `${many(all.pictures, "picture")} · ${many(all.tracks, "track")}`,
  );
  return said && said.new < said.pictures
    ? t(`取 ${count(said.new)} / ${words}`, `${count(said.new)} taken of ${words}`)
    : words;
}

/** @param {string} mode */
const hintOf = (mode) =>
  ({
    track: t(
      "一条轨迹的图片总在同一划分里，成绩才可信。",
      "Pictures of a track stay together, so that scores can be trusted.",
    ),
    picture: t("相邻帧会分到不同划分，成绩会偏高。", "Neighbouring frames fall apart; scores come out too high."),
    lists: t("使用 splits/train.txt、val.txt、test.txt。", "Uses splits/train.txt, val.txt and test.txt."),
  })[mode];

/** The share after those above 1 are divided by their sum. @param {any} values @param {string} split */
function effective(values, split) {
  const sum = ["train", "val", "test"].reduce((total, name) => total + (Number(values[name]) || 0), 0);
  return t("实际 ", "In effect ") + percent((Number(values[split]) || 0) / Math.max(1, sum));
}

const noSets = () => html`
  ${t("还没有源数据。", "There are no source sets yet.")}${" "}
  <a class="link" href=${to("import")}>${t("导入带标注的图片", "Import labelled pictures")} →</a>
`;
