// @ts-check
/** An address that names no place of the page. */

import { Head, Panel } from "../components/layout.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { to } from "../router.js";

/** @param {{route: import("../router.js").Route}} props */
export const Nowhere = ({ route }) => html`
  <${Head} title=${t("没有这个页面", "There is no such page")} />
  <${Panel}>
    <div class="empty" role="alert">
      <p>
        ${t("地址 ", "The address ")}
        <code>${to(...route.path)}</code>
        ${t(" 不存在；左侧列出了所有页面。", " does not exist; all pages are listed on the left.")}
      </p>
      <p><a class="link" href="#/">${t("回到总览", "Back to the overview")} →</a></p>
    </div>
  <//>
`;
