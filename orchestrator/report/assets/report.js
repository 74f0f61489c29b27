// Draws the charts of the page for what its reader chose. All texts reach the page as text, never as markup.
(() => {
  "use strict";
  const payload = JSON.parse(document.getElementById("payload").textContent);
  const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)} %`;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const errors = [];

  /** Mean and half the width of its 95 % interval (Student's t); no width for a single value. */
  function interval(values) {
    const middle = mean(values);
    if (values.length < 2) return { mean: middle, half: null, deviation: null };
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - middle) ** 2, 0) / (values.length - 1));
    const student = payload.student[values.length - 2] ?? 1.96;
    return { mean: middle, half: (student * deviation) / Math.sqrt(values.length), deviation };
  }

  function grouped(items, key) {
    const found = new Map();
    for (const item of items) {
      const name = key(item);
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(item);
    }
    return found;
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

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function theme() {
    const ink = style("--ink"), faint = style("--faint"), line = style("--line");
    const font = style("--font");
    return {
      background: "transparent",
      font,
      view: { stroke: null },
      axis: { labelColor: faint, titleColor: ink, gridColor: line, domainColor: line, tickColor: line,
              labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, titlePadding: 10 },
      legend: { symbolBaseFillColor: faint, symbolBaseStrokeColor: faint, labelColor: ink, titleColor: faint, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 },
    };
  }

  /** A copy of a chart with the levels of colour and shape that are in use, at a width that suits the screen. */
  function prepared(spec, colour, shape, narrow) {
    const made = JSON.parse(JSON.stringify(spec));
    made.params = [{ name: "ink", value: style("--ink") }, { name: "paper", value: style("--card") }];
    for (const layer of made.layer) {
      for (const channel of Object.values(layer.encoding)) {
        const levels = { g: colour, s: shape }[channel.field];
        if (!levels || !channel.scale) continue;
        channel.scale.domain = levels.levels;
        channel.scale.range = levels.levels.map((_, place) => channel.scale.range[place % channel.scale.range.length]);
        if (levels.levels.length < 2) channel.legend = null;
        else if (channel.legend) channel.legend = { ...channel.legend, title: levels.title, columns: narrow ? 2 : 5 };
      }
    }
    if (narrow && typeof made.height === "number") made.height = Math.min(made.height, 300);
    return made;
  }

  const seen = new WeakMap();
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      seen.get(entry.target)?.();
    }
  }, { rootMargin: "300px" });

  /** Draw a chart once it comes near the screen; again at once where it is there already. */
  function draw(host, spec, data, onClick) {
    const work = async () => {
      const dark = document.documentElement.dataset.shade === "dark";
      try {
        const { view } = await vegaEmbed(host, { ...spec, datasets: data, config: theme() },
          { renderer: "svg", actions: false, tooltip: { theme: dark ? "dark" : "light" } });
        if (onClick) view.addEventListener("click", (_, item) => onClick(item?.datum));
        host.dataset.drawn = String(Number(host.dataset.drawn ?? 0) + 1);
      } catch (error) {
        errors.push(String(error));
        host.textContent = `This chart could not be drawn: ${error}`;
      }
    };
    seen.set(host, work);
    watcher.unobserve(host);
    watcher.observe(host);
  }

  class Study {
    constructor(content, root) {
      Object.assign(this, content);
      this.root = root;
      this.threat = content.headline;
      this.by = -1; // colour: the grouping of the report, else an axis
      this.metric = "accuracy";
      this.filters = new Map(); // axis -> chosen levels; "sweep" -> chosen sweeps
      this.all = false;
      const columns = content.trials, count = columns.id.length;
      this.rows = Array.from({ length: count }, (_, place) => {
        const row = Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[place]]));
        row.clean = row.cleanCorrect / row.images;
        row.robust = row.robustCorrect / row.images;
        return row;
      });
      this.controls();
    }

    find(name) { return this.root.querySelector(`[data-part="${name}"]`); }

    controls() {
      const attack = this.find("threat");
      this.threats.forEach((threat, place) => attack.append(element("option", { value: place }, threat.label)));
      attack.value = this.threat;
      attack.addEventListener("change", () => { this.threat = Number(attack.value); this.update(); });
      const by = this.find("by");
      by.append(element("option", { value: -1 }, this.colour.title || "nothing"));
      this.axes.forEach((axis, place) => by.append(element("option", { value: place }, axis.label)));
      if (payload.sweeps.length > 1) by.append(element("option", { value: "sweep" }, "sweep"));
      by.addEventListener("change", () => {
        this.by = by.value === "sweep" ? "sweep" : Number(by.value);
        this.update();
      });
      this.find("metric")?.addEventListener("change", (event) => { this.metric = event.target.value; this.history_(); });
      this.find("reset").addEventListener("click", () => { this.filters.clear(); this.update(); });
      const chips = this.find("chips");
      if (payload.sweeps.length > 1) chips.append(this.chipRow("sweep", "sweep", payload.sweeps));
      this.axes.forEach((axis, place) => chips.append(this.chipRow(place, axis.label, axis.levels)));
    }

    chipRow(axis, label, levels) {
      const buttons = levels.map((level, place) => this.chip(axis, place, level));
      return element("div", { class: "chips" }, element("span", { class: "name" }, label), ...buttons);
    }

    chip(axis, place, text) {
      return element("button", { class: "chip", type: "button", "aria-pressed": "false", "data-axis": axis,
        "data-level": place, onclick: () => this.toggle(axis, place) }, text);
    }

    toggle(axis, level) {
      const chosen = this.filters.get(axis) ?? new Set();
      if (!chosen.delete(level)) chosen.add(level);
      if (chosen.size) this.filters.set(axis, chosen); else this.filters.delete(axis);
      this.update();
    }

    passes(config) {
      for (const [axis, chosen] of this.filters) {
        const has = axis === "sweep" ? config.sweeps.some((sweep) => chosen.has(sweep)) : chosen.has(config.values[axis]);
        if (!has) return false;
      }
      return true;
    }

    /** The colours in use, and the level of a configuration. */
    colouring() {
      if (this.by === -1) return { ...this.colour, of: (config) => config.g };
      if (this.by === "sweep") {
        const of = (config) => config.sweeps.map((sweep) => payload.sweeps[sweep]).join(" + ");
        return { title: "sweep", levels: [...new Set(this.configs.map(of))], of };
      }
      const axis = this.axes[this.by];
      return { title: axis.label, levels: axis.levels, of: (config) => axis.levels[config.values[this.by]] };
    }

    settings(config) {
      return Object.fromEntries(this.axes.map((axis, place) => [`a${place}`, axis.levels[config.values[place]]]));
    }

    get narrow() { return this.root.clientWidth < 560; }

    update() {
      for (const button of this.find("chips").querySelectorAll("button")) {
        const axis = button.dataset.axis === "sweep" ? "sweep" : Number(button.dataset.axis);
        button.setAttribute("aria-pressed", String(this.filters.get(axis)?.has(Number(button.dataset.level)) ?? false));
      }
      this.find("reset").hidden = !this.filters.size;
      const shown = this.rows.filter((row) => this.passes(this.configs[row.config]));
      this.find("count").textContent = `${shown.length} of ${this.rows.length} trials`;
      this.tradeoff_(shown);
      this.heat_(shown);
      this.levels_(shown);
      this.curves_(shown);
      this.history_();
      this.confidence_();
    }

    /** Means over the seeds of each configuration under the chosen attack. */
    means(shown) {
      const under = shown.filter((row) => row.threat === this.threat);
      return [...grouped(under, (row) => row.config)].map(([place, rows]) => {
        const clean = interval(rows.map((row) => row.clean)), robust = interval(rows.map((row) => row.robust));
        const text = (found) => (found.deviation === null ? percent(found.mean, 2) : `${(100 * found.mean).toFixed(2)} ± ${percent(found.deviation, 2)}`);
        const config = this.configs[place];
        return { config, clean: clean.mean, robust: robust.mean, cleanText: text(clean), robustText: text(robust),
          seeds: rows.length, trials: rows.map((row) => row.id).join(", "), ...this.settings(config) };
      });
    }

    front(means) {
      const ordered = [...means].sort((a, b) => b.clean - a.clean || b.robust - a.robust);
      return ordered.filter((entry, place) => ordered.slice(0, place).every((other) => other.robust < entry.robust));
    }

    tradeoff_(shown) {
      const colour = this.colouring(), means = this.means(shown), front = this.front(means);
      for (const entry of means) {
        Object.assign(entry, { g: colour.of(entry.config), s: entry.config.s, onFront: front.includes(entry) ? "yes" : "no" });
      }
      const trials = shown.filter((row) => row.threat === this.threat).map((row) => {
        const config = this.configs[row.config];
        return { ...row, ...this.settings(config), g: colour.of(config), s: config.s, place: row.config,
          interval: `${percent(row.low)} to ${percent(row.high)}`, counts: `${row.robustCorrect} of ${row.images}` };
      });
      const plain = means.map(({ config, ...rest }) => ({ ...rest, place: this.configs.indexOf(config) }));
      const line = front.map(({ clean, robust }) => ({ clean, robust }));
      draw(this.find("tradeoff"), prepared(this.charts.tradeoff, colour, this.shape, this.narrow),
        { trials, means: plain, front: line }, (datum) => this.detail(datum));
      this.table(means, front);
    }

    /** What was clicked: its settings, each of which filters. */
    detail(datum) {
      const host = this.find("detail");
      host.replaceChildren();
      if (datum?.place === undefined) return;
      const config = this.configs[datum.place];
      const rows = this.rows.filter((row) => row.config === datum.place && row.threat === this.threat);
      const buttons = this.axes.map((axis, place) => element("button", { class: "chip", type: "button",
        onclick: () => this.toggle(place, config.values[place]) }, `${axis.label} ${axis.levels[config.values[place]]}`));
      host.append(element("div", { class: "picked" }, element("strong", {}, config.label || "this configuration"),
        element("p", {}, rows.map((row) => `seed ${row.seed}: ${percent(row.clean)} clean, ${percent(row.robust)} robust (${row.id})`).join("; ")),
        element("div", { class: "chips" }, element("span", { class: "name" }, "show only"), ...buttons)));
    }

    table(means, front) {
      const ordered = [...means].sort((a, b) => b.robust - a.robust || b.clean - a.clean);
      const body = this.find("table"), most = this.all ? ordered.length : 12;
      const cell = (text, numeric) => element("td", numeric ? { class: "number" } : {}, text);
      body.replaceChildren(...ordered.slice(0, most).map((entry) => element("tr", front.includes(entry) ? { class: "front" } : {},
        ...this.axes.map((axis, place) => cell(axis.levels[entry.config.values[place]])),
        cell(entry.seeds, true), cell(entry.cleanText, true), cell(entry.robustText, true), cell(front.includes(entry) ? "front" : ""))));
      const more = this.find("more");
      more.hidden = ordered.length <= 12;
      more.textContent = this.all ? "show fewer" : `show all ${ordered.length}`;
      more.onclick = () => { this.all = !this.all; this.table(means, front); };
    }

    heat_(shown) {
      const host = this.find("heat");
      if (!host) return;
      const family = Math.max(0, this.threats[this.threat].family);
      const cells = grouped(shown.filter((row) => this.threats[row.threat].family === family), (row) => row.threat);
      const heat = [...cells].map(([place, rows]) => {
        const threat = this.threats[place];
        return { eps: threat.epsText, order: threat.eps ?? 0, steps: threat.steps, robust: mean(rows.map((row) => row.robust)), trials: rows.length };
      });
      this.find("heat-title").textContent = `${this.families[family].label.split(",")[0]}, mean of the ${new Set(shown.map((r) => r.config)).size} configurations shown`;
      const spec = { ...prepared(this.charts.heat, this.colour, this.shape, false), height: 38 * new Set(heat.map((cell) => cell.eps)).size };
      draw(host, spec, { heat });
    }

    levels_(shown) {
      const under = shown.filter((row) => row.threat === this.threat);
      for (const host of this.root.querySelectorAll('[data-part="axis"]')) {
        const place = Number(host.dataset.axis), axis = this.axes[place], levels = [];
        const byLevel = grouped(under, (row) => this.configs[row.config].values[place]);
        for (const level of [...byLevel.keys()].sort((a, b) => a - b)) {
          for (const measure of ["clean", "robust"]) {
            const rows = byLevel.get(level);
            const seeds = [...grouped(rows, (row) => row.seed).values()].map((found) => mean(found.map((row) => row[measure])));
            const found = interval(seeds), wide = found.half !== null;
            const low = wide ? Math.max(0, found.mean - found.half) : found.mean, high = wide ? Math.min(1, found.mean + found.half) : found.mean;
            levels.push({ level: axis.levels[level], measure, mean: found.mean, low, high, seeds: seeds.length, trials: rows.length,
              interval: wide ? `${percent(low)} to ${percent(high)}` : "one seed" });
          }
        }
        draw(host, prepared(this.charts.axis, this.colour, this.shape, this.narrow), { levels });
      }
    }

    curves_(shown) {
      const colour = this.colouring();
      for (const host of this.root.querySelectorAll('[data-part="curves"]')) {
        const family = Number(host.dataset.family), curves = [];
        const rows = shown.filter((row) => this.threats[row.threat].family === family && this.threats[row.threat].eps);
        const most = new Map();
        for (const row of rows) {
          const { eps, steps } = this.threats[row.threat];
          most.set(eps, Math.max(most.get(eps) ?? 0, steps));
        }
        const top = rows.filter((row) => this.threats[row.threat].steps === most.get(this.threats[row.threat].eps));
        const many = new Set(top.map((row) => row.config)).size > 40;
        const name = (config) => (many ? `${colour.of(config)} | ${config.s}` : config.label);
        for (const [label, members] of grouped(top, (row) => name(this.configs[row.config]))) {
          const config = this.configs[members[0].config], same = { label, g: colour.of(config), s: config.s };
          const point = (eps, epsText, found, measure) => {
            const seeds = [...grouped(found, (row) => row.seed).values()].map((part) => mean(part.map((row) => row[measure])));
            const low = Math.min(...seeds), high = Math.max(...seeds);
            curves.push({ ...same, eps, epsText, mean: mean(seeds), low, high, range: `${percent(low)} to ${percent(high)}` });
          };
          point(0, "0: clean accuracy", members, "clean");
          for (const [eps, found] of grouped(members, (row) => this.threats[row.threat].eps)) {
            point(eps, this.threats[found[0].threat].epsText, found, "robust");
          }
        }
        curves.sort((a, b) => a.eps - b.eps);
        const spec = prepared(this.charts.curves, colour, this.shape, this.narrow);
        const names = Object.fromEntries(curves.map((point) => [point.eps, point.eps ? point.epsText : "0"]));
        if (Object.keys(names).length <= 9) {
          const axis = { values: Object.keys(names).map(Number), labelExpr: `(${JSON.stringify(names)})[datum.value]`, labelOverlap: true };
          for (const layer of spec.layer) if (layer.encoding.x) layer.encoding.x.axis = axis;
        }
        draw(host, spec, { curves });
      }
    }

    history_() {
      const levels = ["shared", ...this.colour.levels];
      for (const host of this.root.querySelectorAll('[data-part="history"]')) {
        const history = this.history.filter((entry) => entry.stage === host.dataset.stage && entry.kind === this.metric);
        const used = levels.filter((level) => history.some((entry) => entry.g === level));
        const spec = prepared(this.charts.history, { title: this.colour.title, levels: used }, this.shape, true);
        const last = Math.max(0, ...history.map((entry) => entry.epoch)), step = Math.max(1, Math.ceil(last / 6));
        const ticks = Array.from({ length: last }, (_, place) => place + 1).filter((epoch) => (epoch - 1) % step === 0 || last <= 6);
        const hues = used.map((level) => (level === "shared" ? style("--faint") : payload.palette[this.colour.levels.indexOf(level) % payload.palette.length]));
        const single = new Set(history.map((entry) => entry.metric)).size < 2;
        for (const layer of spec.layer) {
          layer.encoding.color.scale.range = hues;
          if (single && layer.encoding.strokeDash) layer.encoding.strokeDash.legend = null;
          layer.encoding.x.axis.values = ticks;
          layer.encoding.y.axis = { format: this.metric === "accuracy" ? ".0%" : ".2f", tickCount: 5 };
        }
        draw(host, spec, { history });
      }
    }

    confidence_() {
      for (const host of this.root.querySelectorAll('[data-part="confidence"]')) {
        const confidence = this.closeups[Number(host.dataset.closeup)];
        draw(host, prepared(this.charts.confidence, this.colour, this.shape, this.narrow), { confidence });
      }
    }
  }

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const studies = [...document.querySelectorAll("[data-study]")].map((root) => new Study(payload.studies[Number(root.dataset.study)], root));
  function refresh() {
    document.documentElement.dataset.shade = chosen();
    for (const study of studies) study.update();
  }
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = chosen() === "dark" ? "light" : "dark";
    refresh();
  });
  dark.addEventListener("change", refresh);
  refresh();
  document.documentElement.dataset.ready = "yes";
  window.report = { errors };
})();
