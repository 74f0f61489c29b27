// Draws the figures of the page from their descriptions, with the rows that its reader chose.
// All texts reach the page as text, never as markup.
(() => {
  "use strict";
  const payload = JSON.parse(document.getElementById("payload").textContent);
  const SHORT = 12; // rows of the table before "show all"
  const LABEL = 180, LETTER = 6.8, SYMBOL = 26, BESIDE = 60; // of legends, in pixels: the longest label, a letter, a symbol with its gap, what stands left of the plot
  const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)} %`;
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const errors = [];
  const named = payload.named.map(({ tables, panels }) => ({ panels, tables: decodeAll(tables) }));

  /** The rows of a table that was stored by columns, each text once. */
  function decode(columns) {
    const names = Object.keys(columns);
    const read = ({ values, levels, at }) => values ?? at.map((place) => levels[place]);
    const all = names.map((name) => read(columns[name]));
    return (all[0] ?? []).map((_, row) => Object.fromEntries(names.map((name, place) => [name, all[place][row]])));
  }

  function decodeAll(tables) {
    return Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, decode(table)]));
  }

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") made.className = value;
      else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  /** How figures look on this screen, in light or dark. */
  function theme(width) {
    const ink = style("--ink"), faint = style("--faint"), line = style("--line");
    return {
      background: "transparent", font: style("--font"), view: { stroke: null },
      axis: { labelColor: faint, titleColor: ink, gridColor: line, domainColor: line, tickColor: line,
              labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, titlePadding: 8 },
      legend: { orient: "bottom", layout: { bottom: { direction: "vertical", anchor: "start" } }, labelColor: ink, titleColor: faint, labelFontSize: 12,
                titleFontSize: 12, titleFontWeight: 500, titleLimit: Math.max(180, width - BESIDE), symbolLimit: 40, labelLimit: LABEL, symbolOpacity: 1,
                symbolBaseFillColor: faint, symbolBaseStrokeColor: faint },
    };
  }

  // Charts wait in a queue, those nearest to the screen first.
  const waiting = new Map();
  let drawing = false;
  async function drawAll() {
    if (drawing) return;
    drawing = true;
    while (waiting.size) {
      const away = (host) => Math.abs(host.getBoundingClientRect().top);
      const host = [...waiting.keys()].reduce((one, other) => (away(other) < away(one) ? other : one));
      const { spec, onClick } = waiting.get(host);
      waiting.delete(host);
      await drawNow(host, spec, onClick);
      // Before the page counts as loaded there is no rest, so that whoever prints it unseen gets every figure.
      if (document.readyState === "complete") await new Promise((resolve) => setTimeout(resolve));
    }
    drawing = false;
    document.documentElement.dataset.drawn = "all";
  }

  async function drawNow(host, spec, onClick) {
    const dark = document.documentElement.dataset.shade === "dark";
    try {
      const { view } = await vegaEmbed(host, spec, { renderer: "svg", actions: false, tooltip: { theme: dark ? "dark" : "light" } });
      if (onClick) view.addEventListener("click", (_, item) => onClick(item?.datum));
      host.dataset.drawn = String(Number(host.dataset.drawn ?? 0) + 1);
    } catch (error) {
      errors.push(String(error));
      host.textContent = `This chart could not be drawn: ${error}`;
    }
  }

  /** As many columns of each legend as the width has room for: what is wider than its figure is cut, on paper as well. */
  function layLegends(spec, width) {
    for (const { encoding } of spec.layer) {
      for (const { scale, legend } of Object.values(encoding)) {
        if (!legend || !scale?.domain) continue;
        const longest = Math.max(...scale.domain.map((level) => String(level).length));
        legend.labelLimit = Math.min(legend.labelLimit ?? LABEL, Math.max(LABEL / 2, width - BESIDE - SYMBOL));
        const column = SYMBOL + Math.min(legend.labelLimit, LETTER * longest);
        legend.columns = Math.max(1, Math.min(scale.domain.length, Math.floor((width - BESIDE) / column)));
      }
    }
    return spec;
  }

  function draw(host, spec, onClick) {
    layLegends(spec, host.clientWidth);
    delete document.documentElement.dataset.drawn;
    waiting.set(host, { spec, onClick });
    drawAll();
  }

  /** A copy of a panel's description with its parameters and the colours of the page, at a width that suits the screen. */
  function fitPanel(spec, params) {
    const made = structuredClone(spec);
    const shades = { ink: style("--ink"), paper: style("--card"), good: style("--good"), bad: style("--bad") };
    made.params = Object.entries({ ...params, ...shades }).map(([name, value]) => ({ name, value }));
    if ("width" in made) return made;
    Object.assign(made, { width: "container", autosize: { type: "fit-x", contains: "padding" } });
    if (document.body.clientWidth < 600) made.height = Math.min(made.height, 270);
    return made;
  }

  /** The rows that a description draws. */
  function attach(made, tables) {
    return { ...made, datasets: Object.fromEntries([...tablesOf(made)].map((name) => [name, tables[name]])) };
  }

  /** Figures that a space names: they show what they select, whatever the reader chose. */
  function drawNamed() {
    for (const host of document.querySelectorAll("[data-named]")) {
      const { tables, panels } = named[Number(host.dataset.named)], { spec, params } = panels[Number(host.dataset.panel)];
      draw(host, { ...attach(fitPanel(spec, params), tables), config: theme(host.clientWidth) }, null);
    }
  }

  class Study {
    constructor(content, root, number) {
      Object.assign(this, content);
      this.root = root;
      this.prefix = payload.studies.length > 1 ? `${number}.` : "";
      this.tables = decodeAll(content.tables);
      for (const rows of [this.tables.trials, this.tables.cells, this.tables.bands ?? []]) for (const row of rows) row.group = row.g;
      this.hosts = [...root.querySelectorAll("[data-figure]")];
      this.all = false;
      this.controls();
    }

    find(name) { return this.root.querySelector(`[data-part="${name}"]`); }

    /** What the reader chose, as nobody has chosen anything yet. */
    start() {
      this.params = { attack: this.headline };
      for (const panel of Object.values(this.figures).flat()) this.params = { ...panel.params, ...this.params };
      this.by = -1; // colour: the grouping of the report, else an axis, else "sweep"
      this.filters = new Map(); // axis, or "sweep" -> chosen levels
    }

    /** The axes that filter, by name: those of the training, and the sweeps where there are several. */
    get choices() {
      const sweeps = payload.sweeps.length > 1 ? [["sweep", { label: "sweep", levels: payload.sweeps }]] : [];
      return [...sweeps, ...this.axes.map((axis, place) => [place, axis])];
    }

    read(address) {
      this.start();
      const texts = (key) => address.getAll(this.prefix + key);
      const place = (list, key, otherwise) => { const at = list.indexOf(texts(key)[0]); return at < 0 ? otherwise : at; };
      const labels = this.configs.map((config) => config.label);
      for (const name of Object.keys(this.params)) {
        this.params[name] = place(name === "attack" ? this.attacks : labels, name, this.params[name]);
      }
      for (const [axis, { label, levels }] of this.choices) {
        if (texts("colour by")[0] === label) this.by = axis;
        const chosen = texts(label).map((text) => levels.indexOf(text)).filter((level) => level >= 0);
        if (chosen.length) this.filters.set(axis, new Set(chosen));
      }
      this.find("attack").value = this.params.attack;
      this.find("by").value = this.by;
      for (const select of this.root.querySelectorAll("select[data-model]")) select.value = this.params[select.dataset.model];
    }

    write(address) {
      const add = (key, text) => address.append(this.prefix + key, text);
      const before = { ...this.params };
      const chosen = this.by, filters = this.filters;
      this.start();
      for (const [name, value] of Object.entries(before)) {
        if (value !== this.params[name]) add(name, name === "attack" ? this.attacks[value] : this.configs[value].label);
      }
      Object.assign(this, { params: before, by: chosen, filters });
      for (const [axis, { label, levels }] of this.choices) {
        if (axis === chosen) add("colour by", label);
        for (const level of filters.get(axis) ?? []) add(label, levels[level]);
      }
    }

    controls() {
      const attack = this.find("attack"), by = this.find("by");
      this.attacks.forEach((label, place) => attack.append(element("option", { value: place }, label)));
      attack.addEventListener("change", () => this.choose({ params: { ...this.params, attack: Number(attack.value) } }));
      by.append(element("option", { value: -1 }, this.colour.title || "nothing"));
      for (const [axis, { label }] of this.choices) by.append(element("option", { value: axis }, label));
      by.addEventListener("change", () => this.choose({ by: by.value === "sweep" ? "sweep" : Number(by.value) }));
      this.find("reset").addEventListener("click", () => this.choose({ filters: new Map() }));
      for (const [axis, { label, levels }] of this.choices) {
        const chips = levels.map((level, place) => this.chip(axis, place, level));
        this.find("chips").append(element("div", { class: "chips" }, element("span", { class: "name" }, label), ...chips));
      }
      for (const host of this.hosts) {
        const name = modelParam(this.panel(host));
        if (name) this.modelChoice(host, name);
      }
    }

    /** A list of models below a panel's title, which names the chosen one. */
    modelChoice(host, name) {
      const select = element("select", { "data-model": name, "aria-label": "model" },
        ...this.configs.map((config, place) => element("option", { value: place }, config.label)));
      select.addEventListener("change", () => this.choose({ params: { ...this.params, [name]: Number(select.value) } }));
      host.before(select);
    }

    chip(axis, place, text) {
      return element("button", { class: "chip", type: "button", "aria-pressed": "false", "data-axis": axis,
        "data-level": place, onclick: () => this.toggle(axis, place) }, text);
    }

    toggle(axis, level) {
      const filters = new Map(this.filters), levels = new Set(filters.get(axis));
      if (!levels.delete(level)) levels.add(level);
      if (levels.size) filters.set(axis, levels); else filters.delete(axis);
      this.choose({ filters });
    }

    choose(changes) {
      Object.assign(this, changes);
      remember();
      this.update();
    }

    passes(config) {
      for (const [axis, chosen] of this.filters) {
        const has = axis === "sweep" ? config.sweeps.some((sweep) => chosen.has(sweep)) : chosen.has(config.values[axis]);
        if (!has) return false;
      }
      return true;
    }

    /** The colours in use, and the level of a row. */
    colouring() {
      if (this.by === -1) return { ...this.colour, of: (row) => row.group };
      if (this.by !== "sweep") return { title: this.axes[this.by].label, levels: this.axes[this.by].levels, of: (row) => row[`a${this.by}`] };
      const of = (row) => this.configs[row.config].sweeps.map((sweep) => payload.sweeps[sweep]).join(" + ");
      return { title: "sweep", levels: [...new Set(this.tables.cells.map(of))], of };
    }

    panel(host) { return this.figures[host.dataset.figure][Number(host.dataset.panel)]; }

    update() {
      for (const button of this.find("chips").querySelectorAll("button")) {
        const axis = button.dataset.axis === "sweep" ? "sweep" : Number(button.dataset.axis);
        button.setAttribute("aria-pressed", String(this.filters.get(axis)?.has(Number(button.dataset.level)) ?? false));
      }
      this.find("reset").hidden = !this.filters.size;
      const colour = this.colouring(), filtered = { ...this.tables };
      for (const name of ["trials", "cells", "bands"].filter((name) => name in this.tables)) {
        filtered[name] = this.tables[name].filter((row) => this.passes(this.configs[row.config]));
        for (const row of filtered[name]) row.g = colour.of(row);
      }
      const count = (configs) => configs.reduce((total, config) => total + config.trials, 0); // the table has worst cases too
      this.find("count").textContent = `${count(this.configs.filter((config) => this.passes(config)))} of ${count(this.configs)} ${this.counted}`;
      for (const host of this.hosts) {
        const spec = this.fit(this.panel(host), colour), model = modelParam(this.panel(host));
        const tables = model ? this.tables : filtered; // a model that was chosen is always shown
        if (model) host.parentElement.querySelector("[data-title]").textContent = this.configs[this.params[model]].label;
        draw(host, { ...attach(spec, tables), config: theme(host.clientWidth) }, host.dataset.figure === "tradeoff" ? (datum) => this.detail(datum) : null);
      }
      this.table(filtered.cells.filter((row) => row.threat === this.params.attack));
    }

    /** A copy of a panel with what was chosen, at a width that suits the screen. */
    fit({ spec, params }, colour) {
      const made = fitPanel(spec, Object.fromEntries(Object.keys(params).map((name) => [name, this.params[name]])));
      for (const layer of this.by === -1 ? [] : made.layer) {
        const channel = layer.encoding.color;
        if (channel?.field !== "g" || made.data?.name === "training") continue;
        channel.scale = { domain: colour.levels, range: colour.levels.map((_, place) => payload.palette[place % payload.palette.length]) };
        channel.legend = colour.levels.length > 1 ? { title: colour.title } : null;
      }
      return made;
    }

    /** What was clicked: its settings, each of which filters. */
    detail(datum) {
      const host = this.find("detail");
      host.replaceChildren();
      if (datum?.config === undefined) return;
      const config = this.configs[datum.config];
      const rows = this.tables.trials.filter((row) => row.config === datum.config && row.threat === this.params.attack);
      const buttons = this.axes.map((axis, place) => element("button", { class: "chip", type: "button",
        onclick: () => this.toggle(place, config.values[place]) }, `${axis.label} ${axis.levels[config.values[place]]}`));
      host.append(element("div", { class: "picked" }, element("strong", {}, config.label || "this configuration"),
        element("p", {}, rows.map((row) => `seed ${row.seed}: ${percent(row.clean)} clean, ${percent(row.robust)} robust (${row.id})`).join("; ")),
        element("div", { class: "chips" }, element("span", { class: "name" }, "show only"), ...buttons)));
    }

    /** What the checks say of the numbers of the table, readable without a pointer: each verdict with one of its reasons. */
    reasons(cells) {
      return [...new Set(cells.filter((cell) => cell.reason).map((cell) => cell.verdict))].map((verdict) => {
        const of = cells.filter((cell) => cell.verdict === verdict), first = of[0];
        return `${verdict}: ${of.length} of ${cells.length} numbers, such as ${first.robustText} of ${first.label}: ${first.reason}`;
      });
    }

    table(cells) {
      const ordered = [...cells].sort((a, b) => b.robust - a.robust || b.clean - a.clean);
      const best = new Set(ordered.filter((cell, place) => ordered.slice(0, place).every((other) => other.clean < cell.clean)));
      const cell = (text, kind) => element("td", { class: kind }, text);
      const badge = (text, reason = "") => element("span", { class: `badge ${text}`, title: reason }, text);
      this.find("table").replaceChildren(...ordered.slice(0, this.all ? ordered.length : SHORT).map((row) =>
        element("tr", best.has(row) ? { class: "front" } : {}, cell(row.label.replace(/\.(?=[a-z])/gi, ".\u200b"), "narrow"),
          ...this.axes.map((_, place) => cell(row[`a${place}`], "wide")),
          cell(row.seeds, "number wide"), cell(row.cleanText, "number"), cell(row.robustText, "number"),
          element("td", {}, ...(best.has(row) ? [badge("front")] : []), ...(row.reason ? [badge(row.verdict, row.reason)] : [])))));
      this.find("reasons").replaceChildren(...this.reasons(ordered).map((text) => element("p", {}, text)));
      const all = this.find("all");
      all.hidden = ordered.length <= SHORT;
      all.textContent = this.all ? "show fewer" : `show all ${ordered.length}`;
      all.onclick = () => { this.all = !this.all; this.table(cells); };
    }
  }

  /** The parameter of a panel that shows one model, which its reader may choose. */
  function modelParam(panel) { return Object.keys(panel.params).find((name) => name.startsWith("model")); }

  /** Names of the tables that a description draws. */
  function tablesOf(spec) {
    return new Set([spec, ...spec.layer].map((part) => part.data?.name).filter(Boolean));
  }

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shade = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const studies = [...document.querySelectorAll("[data-study]")].map((root, number) => new Study(payload.studies[number], root, number));

  /** The address says what was chosen, so that it can be kept and sent. */
  function remember() {
    const address = new URLSearchParams();
    for (const study of studies) study.write(address);
    history.replaceState(null, "", `#${address}`);
  }
  function refresh() {
    document.documentElement.dataset.shade = shade();
    for (const study of studies) study.update();
    drawNamed();
  }
  function readAddress() {
    const address = new URLSearchParams(location.hash.slice(1));
    for (const study of studies) study.read(address);
    refresh();
  }
  for (const link of document.querySelectorAll('nav a[href^="#"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault(); // the address is for what was chosen
      document.querySelector(link.getAttribute("href")).scrollIntoView();
    });
  }
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = shade() === "dark" ? "light" : "dark";
    refresh();
  });
  dark.addEventListener("change", refresh);
  addEventListener("hashchange", readAddress);
  window.report = { errors };
  readAddress();
  drawAll(); // where there is no figure at all, all are drawn
  document.documentElement.dataset.ready = "yes";
})();
