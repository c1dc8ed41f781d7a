// @ts-check
/** Publication: check what came back, make a source set of it, and what each run found. */

import { act, get, query } from "../api.js";
import { Check, FormBox, Select, useForm } from "../components/form.js";
import { Empty, Facts, Failure, Loading, Panel, Time, Warnings } from "../components/layout.js";
import { JobState } from "../components/state.js";
import { Table } from "../components/table.js";
import { count, percent, score, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

const TYPES = () => ({
  union: t("全幅 → full-aug-日期", "whole pictures → full-aug-date"),
  lane: t("全幅图片的下半幅 → lane-aug-日期", "bottom half of whole pictures → lane-aug-date"),
  remote: t("下半幅任务包 → lane-aug-日期", "half-picture packages → lane-aug-date"),
});

/** @param {{of: any, reload: () => void}} props */
export function Publication({ of, reload }) {
  const { data, error, ...polled } = usePoll(
    (signal) =>
      Promise.all([query("/label_history", { q: of.version }, signal), get("/sour_datas", {}, signal)]).then(
        ([runs, built]) => ({
          runs: runs.data.filter((/** @type {any} */ run) => run.version === of.version),
          built: built.data,
        }),
      ),
    [of.version],
    () => ({ kinds: ["process_label"] }),
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${polled.reload} />` : html`<${Loading} />`;
  const back = of.packages.filter((/** @type {any} */ row) => row.returned > 0);
  const kinds = new Set(back.map((/** @type {any} */ row) => row.type));
  const types = [...(kinds.has("full") ? ["union", "lane"] : []), ...(kinds.has("remote") ? ["remote"] : [])];
  const published = data.runs.some((/** @type {any} */ run) => run.state === "succeeded");
  const both = () => (reload(), polled.reload());
  return html`
    <div class="stack">
      <${Panel} calls="/process_label">
        ${
          types.length === 0
            ? html`<${Empty}>
              ${t("还没有取回任何标注。", "No label was taken back yet.")}${" "}
              <a class="link" href=${to("annotation", of.version)}>${t("去任务包", "To the packages")} →</a>
            <//>`
            : html`<${PublishForm} key=${`${types.join()} ${published}`} of=${of} types=${types}
                published=${published} done=${both} />`
        }
      <//>
      ${data.runs.map((/** @type {any} */ run) => html`<${Run} key=${run.task_id} run=${run} built=${data.built} />`)}
    </div>
  `;
}

/** @param {{of: any, types: string[], published: boolean, done: () => void}} props */
function PublishForm({ of, types, published, done }) {
  const form = useForm({ types: types[0], new: published }, async (values) => {
    await act("/process_label", { version: of.version, ...values });
    done();
  });
  const names = /** @type {Record<string, string>} */ (TYPES());
  const back = of.packages.reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + row.returned, 0);
  return html`
    <${FormBox} form=${form} fields=${["types", "new", "version"]}
      go=${
        form.values.new
          ? t(
              `检查取回的 ${count(back)} 张，发布没有发布过的`,
              `Check the ${count(back)} taken back, publish the new ones`,
            )
          : t(`检查并发布取回的 ${count(back)} 张`, `Check and publish the ${count(back)} taken back`)
      }>
      <${Select} form=${form} name="types" label=${t("生成", "Make")}
        options=${types.map((name) => [name, names[name]])}
        hint=${t(
          "每张都检查尺寸与颜色；不合格的不发布，保留在“退回”中。",
          "Size and colours of each are checked; what fails is not published, it comes up under Rejected.",
        )} />
      <${Check} form=${form} name="new"
        label=${t("只要以前没有发布过的", "Only what was not published before")}
        hint=${t(
          "用于增量：新的源数据里只有新的图片。",
          "For an increment: the new source set then holds new pictures only.",
        )} />
    <//>
  `;
}

/** @param {{run: any, built: string[]}} props */
function Run({ run, built }) {
  const done = run.state === "succeeded";
  const next = `${to("datasets", "new")}?sour=${encodeURIComponent(run.name)}${built.length ? "&type=aug" : ""}`;
  return html`
    <${Panel} class="run"
      title=${done ? html`<a class="link" href=${to("sources", run.name)}>${run.name}</a>` : run.name}
      aside=${
        done &&
        html`
          <a class="button primary" href=${next}>
            ${built.length ? t("生成下一个增量", "Build the next increment") : t("生成数据", "Build a dataset")}
          </a>
        `
      }>
      <${JobState} job=${run} wide />
      <${Warnings} texts=${run.warnings} />
      <${Facts} of=${[
        [t("发布", "Published"), run.published_pictures == null ? "" : html`<b>${count(run.published_pictures)}</b>`],
        [t("退回", "Rejected"), run.rejected_pictures ? count(run.rejected_pictures) : ""],
        [t("没有返回", "Not returned"), run.missing_pictures ? count(run.missing_pictures) : ""],
        [t("时间", "When"), html`<${Time} at=${run.finished_at ?? run.created_at} />`],
        [
          t("任务", "Job"),
          html`<a class="link" href=${to("jobs", run.task_id)}>${t("日志与经过", "Log and course")}</a>`,
        ],
      ]} />
      ${run.agreement?.length > 0 && html`<${Scores} title=${agreementTitle()} rows=${run.agreement} />`}
      ${run.gold?.length > 0 && html`<${Scores} title=${goldTitle()} rows=${run.gold} />`}
    <//>
  `;
}

const agreementTitle = () =>
  t("两位标注员的一致程度（同一批图片）", "How far two annotators agree (the same pictures)");
const goldTitle = () => t("与已知答案相比（隐藏的检验图片）", "Against known labels (hidden tests)");

/** @param {{title: string, rows: any[]}} props */
const Scores = ({ title, rows }) => html`
  <h3 class="small">${title}</h3>
  <${Table} rows=${rows}
    columns=${[
      {
        head: t("任务包", "Packages"),
        class: "name-col",
        cell: (/** @type {any} */ row) => (row.packages ?? [row.package]).join(" · "),
      },
      { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ row) => count(row.pictures) },
      {
        head: t("相同像素", "Equal pixels"),
        num: true,
        cell: (/** @type {any} */ row) => percent(row.pixel_agreement),
      },
      { head: "mIoU", num: true, cell: (/** @type {any} */ row) => score(row.miou) },
    ]} />
`;
