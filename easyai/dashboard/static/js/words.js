// The language of the page, and its texts.
import { WORDS } from "./lexicon.js";
import { peek, put } from "./store.js";

export const isChinese = () => peek().lang === "zh";

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
