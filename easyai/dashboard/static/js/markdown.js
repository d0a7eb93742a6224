// The part of Markdown that reports use, as elements: headings, lists, tables, commands, **bold**
// and `code`. A report names services and cameras of strangers, so nothing of it becomes markup.
import { html } from "./preact.js";
import { Command, Wrapped } from "./parts.js";

const INLINE = /(\*\*[^*]+\*\*|`[^`]+`)/;
function inline(text) {
  return text.split(INLINE).map((part) => {
    if (part.length > 4 && part.startsWith("**") && part.endsWith("**")) return html`<b>
      ${part.slice(2, -2)}
    </b>`;
    if (part.length > 2 && part.startsWith("`") && part.endsWith("`")) return html`<code>
      <${Wrapped} text=${part.slice(1, -1)} />
    </code>`;
    return part;
  });
}

// The cells of a row; "\\|" is a line in a cell. Without (?<!): Safari before 16.4 could not read this file.
function cells(line) {
  const row = line.trim().replace(/^\||\|$/g, "");
  const lines = "\u0000";
  return row.replaceAll("\\|", lines).split("|").map((cell) => cell.trim().replaceAll(lines, "|"));
}
const isRule = (line) => /^\|[\s:|-]+\|$/.test(line.trim());

// The blocks of a text: {kind, ...}. Lists hold their items with the commands below each.
export function blocks(text) {
  const lines = text.split("\n");
  const found = [];
  let at = 0;
  const fence = (indent) => {
    const inside = [];
    for (at += 1; at < lines.length && !lines[at].trim().startsWith("```"); at += 1) {
      inside.push(lines[at].slice(indent));
    }
    at += 1;
    return inside.join("\n");
  };
  while (at < lines.length) {
    const line = lines[at];
    const words = line.trim();
    const last = found.at(-1);
    const heading = /^(#{1,4}) (.*)$/.exec(line);
    const item = /^(-|\d+\.) (.*)$/.exec(line);
    if (words.startsWith("```")) {
      const indent = line.indexOf("`");
      const command = fence(indent);
      if (indent && last?.items) last.items.at(-1).commands.push(command);
      else found.push({ kind: "command", text: command });
      continue;
    }
    at += 1;
    if (!words) continue;
    if (heading) found.push({ kind: "heading", level: heading[1].length, text: heading[2] });
    else if (item) {
      const kind = item[1] === "-" ? "list" : "steps";
      const list = last?.kind === kind && lines[at - 2]?.trim() !== "" ? last : { kind, items: [] };
      if (list !== last) found.push(list);
      list.items.push({ text: item[2], commands: [] });
    } else if (words.startsWith("|")) {
      if (isRule(words)) continue;
      if (last?.kind === "table") last.rows.push(cells(words));
      else found.push({ kind: "table", rows: [cells(words)] });
    } else found.push({ kind: "text", text: words });
  }
  return found;
}

const Items = ({ items }) => items.map((item, i) => html`<li key=${i}><span>${inline(item.text)}</span>
  ${item.commands.map((text, n) => html`<${Command} key=${n} text=${text} />`)}</li>`);
const HEADINGS = [null, "h2", "h3", "h4", "h4"];

function Block({ block }) {
  if (block.kind === "heading") {
    const tag = HEADINGS[block.level];
    return html`<${tag} class=${block.level === 1 ? "lead" : undefined}>${inline(block.text)}<//>`;
  }
  if (block.kind === "list") return html`<ul><${Items} items=${block.items} /></ul>`;
  if (block.kind === "steps") return html`<ol><${Items} items=${block.items} /></ol>`;
  if (block.kind === "command") return html`<${Command} text=${block.text} />`;
  if (block.kind === "table") {
    const [head, ...rows] = block.rows;
    return html`<div class="scroll" tabindex="0">
      <table><thead><tr>${head.map((cell, i) => html`<th key=${i}>${inline(cell)}</th>`)}</tr></thead>
        <tbody>
          ${rows.map((row, r) => html`<tr key=${r}>
            ${row.map((cell, i) => html`<td key=${i} class="text">${inline(cell)}</td>`)}
          </tr>`)}
        </tbody>
      </table>
    </div>`;
  }
  return html`<p>${inline(block.text)}</p>`;
}

export const Markdown = ({ text }) => blocks(text).map((block, i) => html`<${Block}
    key=${i}
    block=${block} />`);
