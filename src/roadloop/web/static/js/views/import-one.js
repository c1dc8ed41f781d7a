// @ts-check
/** One import: its progress, what became of every file, and where to go from here. */

import { query } from "../api.js";
import { ClassesMatched, outcomes } from "../components/imported.js";
import { Absent, Facts, Head, Loading, Panel, Warnings } from "../components/layout.js";
import { LeftOut } from "../components/left-out.js";
import { Log } from "../components/log.js";
import { JobState, StateChip, StopButton } from "../components/state.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { to } from "../router.js";
import { lookAt } from "./import-drop.js";

/** @param {{route: import("../router.js").Route}} props */
export function ImportOne({ route }) {
  const task = route.path[1];
  const { data, error, reload } = usePoll(
    (signal) => query("/off_status", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${task} none=${t("没有这个导入", "There is no such import")}
          all=${t("查看全部导入", "See all imports")} list=${to("import")} />
      `
      : html`<${Loading} />`;
  const row = data.data;
  const done = row.state === "succeeded";
  learnName(task, row.dest);
  return html`
    <${Head} title=${row.dest} chip=${done && html`<${StateChip} state=${row.state} />`}
      sub=${html`<span class="mono">${row.src}</span>`}
      actions=${html`
        <${StopButton} job=${row} done=${reload} />
        ${done && html`<a class="button" href=${to("sources", row.dest)}>${t("查看源数据", "Open the source set")}</a>`}
        ${
          done
            ? html`<a class="button primary" href=${to("datasets", "new")}>${t("生成数据", "Build a dataset")}</a>`
            : !isLive(row) && html`<a class="button primary" href=${lookAt(row.src)}>${t("再看一次", "Look again")}</a>`
        }
      `} />
    <div class="stack">
      ${!done && html`<${Panel}><${JobState} job=${row} wide /><//>`}
      <${Warnings} texts=${row.warnings} />
      <${Panel} class="outcome"><${Facts} of=${facts(row)} /><${ClassesMatched} classes=${row.classes} /><//>
      ${
        (row.counts || row.state === "failed") &&
        html`
          <${Panel} flush title=${t("逐个文件", "File by file")}>
            <${LeftOut} task=${task} result=${{ counts: row.counts ?? {}, statements: row.statements ?? {} }}
              report=${row.report_url} />
          <//>
        `
      }
      <${Panel} title=${t("日志", "Log")} flush><${Log} task=${task} live=${isLive(row)} /><//>
    </div>
  `;
}

/** @param {any} row @returns {[any, any][]} */
const facts = (row) => [
  [t("图片", "Pictures"), row.pictures == null ? null : html`<b>${count(row.pictures)}</b>`],
  [t("布局", "Layout"), row.layout],
  [t("类别表", "Class table"), row.table],
  [t("方式", "How"), row.import === "reference" ? t("留在原处", "left where they are") : t("复制", "copied")],
  [t("城市", "City"), row.city],
  [t("标注者", "Annotator"), row.author],
  ...(row.counts ? outcomes({ counts: row.counts, statements: row.statements ?? {} }) : []),
];
