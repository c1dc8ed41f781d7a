// @ts-check
/** Logging in, where there are accounts. */

import { secretly } from "../api.js";
import { FormBox, Input, useForm } from "../components/form.js";
import { Head, Panel } from "../components/layout.js";
import { SignOn } from "../components/sign-on.js";
import { t } from "../i18n.js";
import { html, useEffect } from "../lib.js";
import { askWho } from "../me.js";

/** @param {{switches: any}} props */
export function LogIn({ switches }) {
  const form = useForm({ name: "", password: "" }, async (values) => {
    await secretly("/v1/log_in", values);
    await askWho();
  });
  const title = t("登录", "Log in");
  useEffect(() => void (document.title = `${title} · roadloop`), [title]);
  return html`
    <div class="log-in">
      <div class="row log-in-top">
        <span class="log-in-brand grow"><img src="/static/icon.svg" alt="" /> roadloop</span>
        ${switches}
      </div>
      <main>
        <${Head} title=${title} sub=${t("用管理员给你的账号。", "With the account that an admin has given you.")} />
        <div class="stack">
          <${SignOn} words=${(/** @type {string} */ title) => t(`用 ${title} 登录`, `Log in with ${title}`)} />
          <${Panel}>
            <${FormBox} form=${form} fields=${[]} go=${t("登录", "Log in")}>
              <${Input} form=${form} name="name" label=${t("账号", "Name")} required wide complete="username" />
              <${Input} form=${form} name="password" type="password" label=${t("密码", "Password")} required wide
                complete="current-password"
                hint=${t("忘了？请管理员设一个新的。", "Forgotten? An admin sets a new one.")} />
            <//>
          <//>
        </div>
      </main>
    </div>
  `;
}
