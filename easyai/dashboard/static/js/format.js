// Numbers, times and spans in the chosen language.
import { isChinese } from "./words.js";

const locale = () => (isChinese() ? "zh-CN" : "en-GB");
export const count = (n) => (n == null ? "–" : n.toLocaleString(locale()));
export const atLeast = (n, isMore) => (isMore ? `≥ ${count(n)}` : count(n));
export const upTo = (n, most) => atLeast(n, n >= most);
export const totalOf = (total, least) => (total == null && least != null ? `≥ ${count(least)}` : count(total));
export const decimal = (n) => (n == null ? "–" : n.toFixed(1));
export const percent = (n) => (n == null ? "–" : `${Math.round(n * 100)} %`);
export const ms = (n) => (n == null ? "–" : String(Math.round(n)));

// Times are Unix seconds or ISO texts; the clock is the browser's own.
export const seconds = (at) => (typeof at === "string" ? Date.parse(at) / 1000 : at);
const date = (at) => new Date(seconds(at) * 1000);
const formats = new Map();
function format(key, options) {
  const name = locale() + key;
  if (!formats.has(name)) formats.set(name, new Intl.DateTimeFormat(locale(), options));
  return formats.get(name);
}
const HM = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
export const clock = (at) => (at ? format("hms", { ...HM, second: "2-digit" }).format(date(at)) : "–");
export const hourMinute = (at) => (at ? format("hm", HM).format(date(at)) : "–");
export const day = (at) => (at ? format("d", { day: "numeric", month: "short" }).format(date(at)) : "–");
export const moment = (at) => (at ? `${day(at)} ${clock(at)}` : "–");
export const stamp = (at) => (at ? `${clock(at)}.${String(date(at).getMilliseconds()).padStart(3, "0")}` : "–");
export const dayOfMonth = (at) => date(at).getDate();
export const hourStart = (at) => new Date(seconds(at) * 1000).setMinutes(0, 0, 0) / 1000;

// A span as an operator says it: "3 h 51 min".
export function span(sec) {
  if (sec == null) return "–";
  const [s, min, h, d] = isChinese() ? ["秒", "分", "小时", "天"] : ["s", "min", "h", "d"];
  const whole = Math.max(0, Math.round(sec));
  if (whole < 60) return `${whole} ${s}`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} ${min}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} ${h} ${minutes % 60} ${min}`;
  return `${Math.floor(hours / 24)} ${d} ${hours % 24} ${h}`;
}

export function bytes(n) {
  if (n == null) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, n < 1 ? 0 : Math.floor(Math.log10(n) / 3));
  const scaled = n / 1000 ** step;
  return `${scaled < 10 && step ? scaled.toFixed(1) : Math.round(scaled)} ${units[step]}`;
}
