// The language of the page, and its texts.
import { keep } from "./api.js";
import { WORDS } from "./lexicon.js";
import { peek, put } from "./store.js";

export const isChinese = () => peek().lang === "zh";

// The language asked for in the address, else chosen before, else that of the browser.
export function firstLanguage() {
  const asked = new URLSearchParams(location.search).get("lang") || keep.read("easyai.lang");
  if (asked === "zh" || asked === "en") return asked;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function setLanguage(lang) {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  put({ lang });
}

// A text with its values in the places of "{}"; an unknown key is its own text.
export function t(key, ...values) {
  const pair = WORDS[key];
  if (!pair) return key;
  let at = 0;
  return pair[isChinese() ? 1 : 0].replace(/\{\}/g, () => values[at++] ?? "");
}
